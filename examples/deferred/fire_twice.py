"""A Deferred fires once. The second time is an error, and debugging tells who came first."""

from twisted.internet import defer
from twisted.internet.defer import AlreadyCalledError, Deferred


def deliver(parcel, content):
    parcel.callback(content)


def deliver_again(parcel):
    try:
        deliver(parcel, "socks")
    except AlreadyCalledError as error:
        return str(error)


parcel = Deferred().addCallback(print)
deliver(parcel, "a book")
print("without debugging:", repr(deliver_again(parcel)))

# An error does not help either: it has fired.
try:
    parcel.errback(OSError("lost"))
except AlreadyCalledError as error:
    print("errback:", type(error).__name__)

# It costs time and memory, so it is off unless asked for; `trial --debug` and `twistd -b` do, too.
defer.setDebugging(True)
parcel = Deferred().addCallback(print)
deliver(parcel, "another book")
message = deliver_again(parcel)
print("with debugging there are more words:", len(message.splitlines()) > 4)
print("tells where it was made:", "parcel = Deferred()" in message)
print("tells who fired it first:", 'deliver(parcel, "another book")' in message)
defer.setDebugging(False)

# To be ready for a result that comes twice, forget the Deferred when it is fired.
waiting = Deferred().addCallback(print)
for content in ("once", "twice"):
    if waiting is None:
        print("nobody waits for", content)
    else:
        waiting, fired = None, waiting
        fired.callback(content)
