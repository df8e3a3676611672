"""Choosing the reactor by name: epoll, before anything else imports the default one.

A program has one reactor for its whole life. `install` puts it in place, and the import of
`twisted.internet.reactor` afterwards finds it there. A second choice comes too late and is refused.
"""

from twisted.internet import epollreactor

epollreactor.install()

# These imports must stand below install(), so linters have to look away.
from twisted.internet import reactor, selectreactor  # noqa: E402
from twisted.internet.error import ReactorAlreadyInstalledError  # noqa: E402


def main():
    print("running")
    try:
        selectreactor.install()
    except ReactorAlreadyInstalledError as error:
        print(f"{type(error).__name__}: {error}")
    reactor.stop()


if __name__ == "__main__":
    reactor.callWhenRunning(main)
    reactor.run()
    print("stopped")
