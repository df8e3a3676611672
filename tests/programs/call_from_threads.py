"""callFromThread from eight threads at once: nothing lost, each thread's order kept."""

import threading

import common
from twisted.internet import reactor

THREADS, CALLS = 8, 5000
seen = {number: [] for number in range(THREADS)}
finished = []


def call(number):
    for i in range(CALLS):
        reactor.callFromThread(seen[number].append, i)
    reactor.callFromThread(done, number=number)


def done(number):
    finished.append(number)
    if len(finished) == THREADS:
        reactor.stop()


def start():
    for number in range(THREADS):
        threading.Thread(target=call, args=(number,)).start()


reactor.callWhenRunning(start)
common.run()
print(all(calls == list(range(CALLS)) for calls in seen.values()), len(finished))
try:
    reactor.callFromThread("not callable")
except AssertionError as error:
    print(error)
