"""addCallbacks is not addCallback and addErrback: which errback sees which error.

A pair stands on the same step of the chain. One of the two is called, never both, so the errback of
a pair does not see what its own callback did wrong.
"""

from twisted.internet.defer import Deferred


def parse(text):
    print("  parse", text)
    return int(text)


def no_text(failure):
    print("  no text:", failure.type.__name__)
    return 0


def double(number):
    print("  double", number)
    return number * 2


def no_number(failure):
    print("  no number:", failure.type.__name__)
    return -1


def one_after_the_other():
    result = Deferred()
    result.addCallback(parse).addErrback(no_text)
    result.addCallback(double).addErrback(no_number)
    return result


def in_pairs():
    result = Deferred()
    result.addCallbacks(parse, no_text)
    result.addCallbacks(double, no_number)
    return result


def always(result, name):
    """addBoth: called for results and for errors alike, as `finally` is."""
    print("  in the end:", name, result)


for make in (one_after_the_other, in_pairs):
    for text in ("21", "many"):
        print(f"{make.__name__}, {text!r}:")
        make().addBoth(always, "text").callback(text)
    print(f"{make.__name__}, an error:")
    make().addBoth(always, "error").errback(OSError("cannot read"))
