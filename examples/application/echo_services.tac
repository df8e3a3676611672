# Echo by TCP and by UDP, and a report of it now and then: three services in one application.
#
#     twistd -ny echo_services.tac         in the foreground, the log on the terminal
#     twistd -y echo_services.tac          as a daemon, with twistd.pid and twistd.log
#
# ECHO_PORT=8007 in the environment is another port than 7007.
#
# A .tac file is Python. twistd looks for the name `application` in it and starts its services; the
# reactor, the log, the pid file and the end are twistd's business.

import os

from twisted.application import internet, service
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.python import log

PORT = int(os.environ.get("ECHO_PORT", "7007"))


class Echo(Protocol):
    def dataReceived(self, data):
        self.factory.report.count += 1
        self.transport.write(data)


class EchoFactory(Factory):
    protocol = Echo

    def __init__(self, report):
        self.report = report


class DatagramEcho(DatagramProtocol):
    def __init__(self, report):
        self.report = report

    def datagramReceived(self, datagram, address):
        self.report.count += 1
        self.transport.write(datagram, address)


class Report:
    """Says how many there were, whenever it is called and there were more."""

    count = told = 0

    def __call__(self):
        if self.count != self.told:
            self.told = self.count
            log.msg(f"echoes so far: {self.count}")


report = Report()

# A MultiService is a service that consists of others: started and stopped together.
echo = service.MultiService()
internet.TCPServer(PORT, EchoFactory(report), interface="127.0.0.1").setServiceParent(echo)
internet.UDPServer(PORT, DatagramEcho(report), interface="127.0.0.1").setServiceParent(echo)
internet.TimerService(0.1, report).setServiceParent(echo)

application = service.Application("echo")
echo.setServiceParent(application)
