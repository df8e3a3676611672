"""A program with an end: task.react runs the reactor until one Deferred has fired.

It hands over the reactor and the arguments, logs what went wrong, and sets the exit code: 0 for a
result, 1 for an error, or the code of a SystemExit.

python react.py            counts to three
python react.py NUMBER     counts to NUMBER
"""

import sys

from twisted.internet import task


async def main(reactor, end="3"):
    for number in range(1, int(end) + 1):
        await task.deferLater(reactor, 0.001)
        print(number)
    print("done")


if __name__ == "__main__":
    # react does not return: it ends the program.
    try:
        task.react(main, sys.argv[1:])
    except SystemExit as end:
        print("exit code:", end.code)
        raise
