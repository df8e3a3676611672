"""Functions of which one does not know whether they give a result or a Deferred for one.

maybeDeferred calls them and always gives a Deferred. The other way: a function that has its result
at once, but should look like one that has not, gives back defer.succeed or defer.fail.
"""

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, gatherResults, maybeDeferred, succeed

MEMBERS = {"ada", "grace"}


def is_member_at_once(name):
    return name in MEMBERS


def is_member_later(name):
    answer = Deferred()
    reactor.callLater(0.01, answer.callback, name in MEMBERS)
    return answer


def is_member_by_succeed(name):
    return succeed(name in MEMBERS) if name else fail(ValueError("no name"))


def is_member_or_raise(name):
    if name not in MEMBERS:
        raise PermissionError(f"{name or 'nobody'} may not come in")
    return True


def show(result, test, name):
    print(f"{test.__name__}({name!r}): {result}")


def check(test, name):
    """Works with all of them."""
    answer = maybeDeferred(test, name)
    answer.addErrback(lambda failure: f"{failure.type.__name__}, {failure.getErrorMessage()}")
    return answer.addCallback(show, test, name)


TESTS = [is_member_at_once, is_member_by_succeed, is_member_or_raise, is_member_later]
checks = [check(test, name) for test in TESTS for name in ("ada", "")]
print("asked")
gatherResults(checks).addBoth(lambda _: reactor.stop())
reactor.run()
