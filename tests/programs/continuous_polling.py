"""A regular file as a selectable: the kernel cannot poll it, the reactor reads it anyway."""

import tempfile

import common
from twisted.internet import reactor
from twisted.internet.abstract import FileDescriptor
from twisted.internet.main import CONNECTION_DONE

file = tempfile.TemporaryFile()  # noqa: SIM115
file.write(b"line\n" * 3)
file.seek(0)


class Reader(FileDescriptor):
    def fileno(self):
        return file.fileno()

    def doRead(self):
        line = file.readline()
        print(line)
        if not line:
            return CONNECTION_DONE

    def connectionLost(self, reason):
        print("lost", reason.type.__name__)
        FileDescriptor.connectionLost(self, reason)
        reactor.callLater(0, reactor.stop)


reader = Reader(reactor)
reader.startReading()
print(reader in reactor.getReaders(), reader in reactor.getWriters())
common.run()
print(reader in reactor.getReaders())
