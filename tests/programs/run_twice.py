"""run and stop at the wrong time."""

from twisted.internet import reactor


def attempt(what):
    try:
        what()
    except Exception as error:
        print(type(error).__name__, error)


def inside():
    attempt(reactor.run)
    reactor.stop()
    attempt(reactor.stop)


attempt(reactor.stop)
reactor.callWhenRunning(inside)
reactor.run()
attempt(reactor.run)
