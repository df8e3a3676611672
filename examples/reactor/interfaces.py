"""What the reactor of this program can do, told by the interfaces that it provides.

Each kind of service is one interface, named as in `twisted.internet.interfaces`. Which of them
there are depends on the operating system and on the reactor that was chosen.
"""

from twisted.internet import interfaces, reactor

SERVICES = {
    "IReactorCore": "run, stop, and calls at these moments",
    "IReactorFDSet": "readers and writers of one's own",
    "IReactorProcess": "child processes",
    "IReactorSSL": "TLS connections",
    "IReactorTCP": "TCP connections",
    "IReactorThreads": "threads, and calls from them",
    "IReactorTime": "calls at a later time",
    "IReactorUDP": "UDP datagrams",
    "IReactorMulticast": "datagrams to groups",
    "IReactorUNIX": "UNIX stream sockets",
    "IReactorUNIXDatagram": "UNIX datagram sockets",
    "IReactorSocket": "sockets that somebody else made",
}

for name, what in SERVICES.items():
    provided = getattr(interfaces, name).providedBy(reactor)
    print(f"{name:22}{'yes' if provided else 'no':5}{what}")
