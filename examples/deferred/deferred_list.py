"""DeferredList: several results, each with a word whether it is one."""

from twisted.internet.defer import Deferred, DeferredList, FirstError


def three():
    return Deferred(), Deferred(), Deferred()


def show(results):
    for success, value in results:
        print("  good:" if success else "  bad:", value if success else value.getErrorMessage())


def note(result, name):
    print(f"  {name} fired")
    return result


print("all of them, good or bad:")
rain, wind, sun = three()
weather = DeferredList([rain, wind, sun], consumeErrors=True)
weather.addCallback(note, "list").addCallback(show)
sun.callback("12 hours")
wind.errback(OSError("the anemometer does not answer"))
rain.callback("3 mm")  # the last one; the order of the results is that of the list

print("fireOnOneCallback: the quickest result, and its place in the list:")
rain, wind, sun = three()
first = DeferredList([rain, wind, sun], fireOnOneCallback=True)
first.addCallback(lambda result: print("  ", result))
wind.callback("4 Beaufort")
sun.callback("too late for the list")

print("fireOnOneErrback: the first error ends it:")
rain, wind, sun = three()
strict = DeferredList([rain, wind, sun], fireOnOneErrback=True, consumeErrors=True)
strict.addErrback(lambda failure: failure.trap(FirstError) and failure.value)
strict.addCallback(lambda error: print("  place", error.index, error.subFailure.getErrorMessage()))
rain.callback("1 mm")
sun.errback(ValueError("it is night"))

print("callbacks added after the list was made do not change what the list gets:")
rain = Deferred().addCallback(lambda text: text + " a day")
rains = DeferredList([rain]).addCallback(show)
rain.addCallback(lambda text: print("  rain itself goes on with", text))
rain.callback("2 mm")

print("an empty list fires at once:")
DeferredList([]).addCallback(lambda results: print("  ", results))
