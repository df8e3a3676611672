"""pause and unpause: results that wait until everybody has added his callback."""

from twisted.internet.defer import Deferred


def show(result, who):
    print(who, "gets", result)
    return result


news = Deferred()
news.addCallback(show, "early")
news.pause()
news.callback("the news")
print("fired, and nobody was told")
news.addCallback(show, "late")
print("still nobody")
news.unpause()

# As often as it was paused.
news.pause()
news.pause()
news.addCallback(show, "patient")
news.unpause()
print("once is not enough")
news.unpause()
news.addCallback(show, "latest")
