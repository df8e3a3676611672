"""A chain of callbacks: each gets what the one before gave back.

Arguments after the function are handed to it behind the result.
"""

from twisted.internet.defer import Deferred


def strip(line, characters=None):
    return line.strip(characters)


def split(line, separator):
    return line.split(separator)


def numbers(words):
    return [int(word) for word in words]


def show(result, what):
    print(f"{what}: {result!r}")
    # A callback that gives back nothing gives back None to the next.
    return result


line = Deferred()
line.addCallback(strip, characters=" .")
line.addCallback(show, "stripped")
line.addCallback(split, ",")
line.addCallback(show, "split")
# Each of these methods gives back the Deferred, so they can be strung together.
line.addCallback(numbers).addCallback(sum).addCallback(show, "sum")

line.callback("  3,4,5. ")

# The result at the end of the chain stays there for whoever comes later.
line.addCallback(lambda total: total * 2).addCallback(show, "twice the sum")
