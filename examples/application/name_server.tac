# A DNS server for the names of a hosts file, by UDP and by TCP.
#
#     twistd -ny name_server.tac           and then: dig @127.0.0.1 -p 5353 localhost
#
# HOSTS_FILE in the environment is another file than /etc/hosts, DNS_PORT another port than 5353.

import os

from twisted.application import internet, service
from twisted.names import dns, hosts, server

PORT = int(os.environ.get("DNS_PORT", "5353"))
HOSTS_FILE = os.environ.get("HOSTS_FILE", "/etc/hosts")

factory = server.DNSServerFactory([], [], [hosts.Resolver(HOSTS_FILE.encode())])
protocol = dns.DNSDatagramProtocol(factory)

names = service.MultiService()
internet.TCPServer(PORT, factory, interface="127.0.0.1").setServiceParent(names)
internet.UDPServer(PORT, protocol, interface="127.0.0.1").setServiceParent(names)

application = service.Application("names")
names.setServiceParent(application)
