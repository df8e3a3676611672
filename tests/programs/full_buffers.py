"""When a connection pauses its producer, and by which methods; what resumeProducing does."""

import os

import common
from twisted.internet import protocol, reactor


class Producer:
    def __init__(self, transport):
        self.transport = transport

    def pauseProducing(self):
        print("paused", self.transport.producerPaused)

    def resumeProducing(self):
        print("resumed", self.transport.producerPaused)

    def stopProducing(self):
        print("stopped")


def sizes(transport):
    size = len(transport.dataBuffer) + transport._tempDataLen
    print("full:", transport._isSendBufferFull(), size, transport.producerPaused)


class Server(protocol.Protocol):
    def connectionMade(self):
        transport = self.transport
        transport.bufferSize = 10
        transport.registerProducer(Producer(transport), True)
        for data in (b"x" * 10, b"y", b"z"):
            transport.write(data)
            sizes(transport)
        transport.writeSequence([b"a", b"b"])
        if common.UNIX:
            self.descriptors()
        self.asked()
        common.later(0.1, self.answers)

    def descriptors(self):
        self.transport.bufferSize = 1000
        with open(os.devnull, "rb") as null:
            for _ in range(66):
                self.transport.write(b"1")
                self.transport.sendFileDescriptor(null.fileno())
            sizes(self.transport)
            del self.transport._sendmsgQueue[:]
        sizes(self.transport)

    def asked(self):
        transport = self.transport
        transport._isSendBufferFull = lambda: print("asked whether full") or True
        transport.write(b"c")
        del transport._isSendBufferFull
        transport._maybePauseProducer = lambda: print("asked to pause")
        transport.write(b"d")
        del transport._maybePauseProducer
        transport.bufferSize = "many"
        for write in (transport.write, transport._maybePauseProducer):
            try:
                write(b"e") if write == transport.write else write()
            except TypeError as error:
                print(error)
        transport.bufferSize = 1000

    def answers(self):
        transport = self.transport
        transport.unregisterProducer()
        transport.pauseProducing()
        transport.startReading = lambda: print("asked to read")
        transport.resumeProducing()
        del transport.startReading
        print("reading:", transport in reactor.getReaders())
        transport.resumeProducing()
        print("reading:", transport in reactor.getReaders())
        transport.loseConnection()
        transport.resumeProducing()
        print("reading:", transport in reactor.getReaders())

    def connectionLost(self, reason):
        self.transport.resumeProducing()
        print("lost", self.transport in reactor.getReaders())
        reactor.stop()


class Client(protocol.Protocol):
    got = 0

    def dataReceived(self, data):
        self.got += len(data)

    def connectionLost(self, reason):
        print("client got", self.got)


def start():
    common.connect(common.listen(Server), Client)


reactor.callWhenRunning(start)
reactor.run()
print("buffers were filled")
