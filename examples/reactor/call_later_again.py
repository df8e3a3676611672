"""Something every now and then, by a call that arranges the next one.

This is how to do it if the time to the next call is not always the same. If it is, LoopingCall is
shorter: see looping_call.py.
"""

from twisted.internet import reactor


def knock(times, pause):
    print(f"knock {times}")
    if times == 4:
        reactor.stop()
        return
    # The function returns at once; the reactor calls it again when it is time.
    reactor.callLater(pause, knock, times + 1, pause * 2)


reactor.callWhenRunning(knock, 1, 0.005)
reactor.run()
print("enough")
