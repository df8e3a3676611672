"""
An SFTP server for whoever runs it, root or not: ``twisted_sftp.py FOLDER [nodelay]``.

FOLDER is the user's home, where new keys are put: the host's, ``host_key``, and the user's,
``user_key``.  Prints its port and its reactor.
"""

import getpass
import subprocess
import sys
from collections.abc import Callable

from twisted.conch import checkers, unix
from twisted.conch.ssh import factory, keys, transport
from twisted.cred import portal
from twisted.internet import reactor
from twisted.python import components
from twisted.python.filepath import FilePath


class User(unix.UnixConchUser):
    """Stays who the process is, where its base class becomes the user who logs in."""

    def _runAsUser(self, f: object, *args: object, **kw: object) -> object:
        calls = [(f, args, kw)] if callable(f) else f
        for function, arguments, *_ in calls:
            result = function(*arguments)
        return result

    def getUserGroupId(self) -> tuple[None, None]:
        return None, None

    def getHomeDir(self) -> FilePath[str]:
        return folder


class Realm:
    """Lets in whom the checker lets in."""

    def requestAvatar(
        self, name: bytes, mind: object, *interfaces: type
    ) -> tuple[type, User, Callable[[], None]]:
        user = User(name.decode())
        return interfaces[0], user, user.logout


class Transport(transport.SSHServerTransport):
    """The server's end of a connection."""

    def connectionMade(self) -> None:
        if "nodelay" in sys.argv:
            self.transport.setTcpNoDelay(True)
        super().connectionMade()


def new_key(name: str) -> keys.Key:
    """A new key, which is in two files, the public half in the second."""
    path = folder.child(name).path
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=30)
    return keys.Key.fromFile(path)


components.registerAdapter(unix.SFTPServerForUnixConchUser, User, unix.ISFTPServer)
folder = FilePath(sys.argv[1])
host_key, user_key = new_key("host_key"), new_key("user_key").public()
known = checkers.InMemorySSHKeyDB({getpass.getuser().encode(): [user_key]})

server = factory.SSHFactory()
server.protocol = Transport
server.publicKeys = {host_key.sshType(): host_key.public()}
server.privateKeys = {host_key.sshType(): host_key}
server.portal = portal.Portal(Realm(), [checkers.SSHPublicKeyChecker(known)])
port = reactor.listenTCP(0, server, interface="127.0.0.1")
print(port.getHost().port, f"{type(reactor).__module__}.{type(reactor).__qualname__}", flush=True)
reactor.run()
