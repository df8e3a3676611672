"""A DNS server for a zone of its own, and a client that asks it.

python name_server.py               both, in one process
python name_server.py --port 5353   serves until Ctrl-C: try
                                    `dig @127.0.0.1 -p 5353 www.example.test`
"""

import argparse

from twisted.internet import task
from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import client, common, dns, error, server


class Names(common.ResolverBase):
    """A resolver: it is asked, and gives a Deferred of answers, authority, and further records."""

    records = {
        b"example.test": [
            dns.Record_MX(10, b"mail.example.test"),
            dns.Record_TXT(b"a zone", b"for trying out"),
        ],
        b"www.example.test": [dns.Record_A("192.0.2.80")],
        b"mail.example.test": [dns.Record_A("192.0.2.25")],
    }

    def _lookup(self, name, cls, type, timeout):
        """All the methods of a resolver end here: lookupAddress, lookupMailExchange, ..."""
        if name.lower() not in self.records:
            return fail(error.DomainError(name))
        answers = [
            dns.RRHeader(name, record.TYPE, cls, ttl=60, payload=record, auth=True)
            for record in self.records[name.lower()]
            if type in (record.TYPE, dns.ALL_RECORDS)
        ]
        return succeed((answers, [], []))


async def ask(resolver):
    [record], _, _ = await resolver.lookupAddress("www.example.test")
    print("A:", record.payload.dottedQuad(), "ttl", record.ttl)
    [record], _, _ = await resolver.lookupMailExchange("example.test")
    print("MX:", record.payload.preference, record.payload.name)
    [record], _, _ = await resolver.lookupText("example.test")
    print("TXT:", record.payload.data)
    try:
        await resolver.lookupAddress("nothing.example.test")
    except error.DNSNameError as failed:
        print("no such name:", type(failed).__name__)
    print("by name:", await resolver.getHostByName("mail.example.test"))


async def main(reactor, options):
    names = server.DNSServerFactory(clients=[Names()])
    names.noisy = False
    udp = dns.DNSDatagramProtocol(names)
    udp.noisy = False
    # The same names by UDP, and by TCP for what does not fit into a datagram.
    udp_port = reactor.listenUDP(options.port, udp, interface="127.0.0.1")
    tcp_port = reactor.listenTCP(options.port, names, interface="127.0.0.1")
    if options.port:
        print(f"serving on port {options.port}", flush=True)
        await Deferred()  # until Ctrl-C

    await ask(client.Resolver(servers=[("127.0.0.1", udp_port.getHost().port)]))
    # A resolver goes on to TCP by itself if an answer was cut off. Here it is told to.
    resolver = client.Resolver(servers=[("127.0.0.1", tcp_port.getHost().port)])
    answer = await resolver.queryTCP([dns.Query(b"www.example.test", dns.A)])
    print("by TCP:", answer.answers[0].payload.dottedQuad())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serves a few names.")
    parser.add_argument("--port", type=int, default=0, help="where to serve (a demonstration)")
    task.react(main, [parser.parse_args()])
