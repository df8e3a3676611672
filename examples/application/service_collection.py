"""Services in services: MultiService, names, and what is added to or taken from a running one."""

from twisted.application import service
from twisted.internet import task


class Worker(service.Service):
    def __init__(self, reactor, name, seconds=0):
        self.reactor = reactor
        self.setName(name)
        self.seconds = seconds

    def startService(self):
        super().startService()
        print("  start", self.name)

    def stopService(self):
        super().stopService()
        print("  stopping", self.name)
        # This one takes a while to end.
        return task.deferLater(self.reactor, self.seconds, print, f"  stopped {self.name}")


async def main(reactor):
    application = service.Application("factory")
    office = service.MultiService()
    office.setName("office")
    office.setServiceParent(application)
    hall = service.MultiService()
    hall.setName("hall")
    hall.setServiceParent(application)

    Worker(reactor, "ann", 0.01).setServiceParent(office)
    Worker(reactor, "bob", 0.02).setServiceParent(office)
    Worker(reactor, "cid", 0.03).setServiceParent(hall)

    # An application is not a service itself, but can be seen as one and as a collection.
    everything = service.IService(application)
    print("in it:", [part.name for part in service.IServiceCollection(application)])
    print("the whole starts:")
    everything.startService()

    print("somebody new in a running one is started:")
    dee = Worker(reactor, "dee")
    dee.setServiceParent(office)

    print("somebody who leaves it is stopped:")
    await dee.disownServiceParent()
    print("  parent:", dee.parent)

    print("found by name:", office.getServiceNamed("bob").name)
    try:
        Worker(reactor, "bob").setServiceParent(office)
    except RuntimeError as error:
        print("refused:", error)

    print("the whole stops, the last first, and has stopped when all have:")
    await everything.stopService()
    print("done")


if __name__ == "__main__":
    task.react(main)
