# A web server for the files of a folder.
#
#     twistd -ny web_server.tac
#
# WEB_FOLDER in the environment is another folder than the current one, WEB_PORT another port than
# 8080.

import os

from twisted.application import service
from twisted.application.internet import StreamServerEndpointService
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.web.server import Site
from twisted.web.static import File

PORT = os.environ.get("WEB_PORT", "8080")
FOLDER = os.environ.get("WEB_FOLDER", ".")

application = service.Application("web")

# What TCPServer is for ports, this is for endpoints of any kind.
endpoint = serverFromString(reactor, f"tcp:{PORT}:interface=127.0.0.1")
StreamServerEndpointService(endpoint, Site(File(FOLDER))).setServiceParent(application)
