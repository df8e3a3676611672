# An application that decides itself where its log goes: into a file for each day.
#
#     twistd -ny daily_log.tac             writes counter.log, and counter.log.YYYY_MM_DD for old days
#
# LOG_FOLDER in the environment is another folder than the current one.

import os

from twisted.application import internet, service
from twisted.logger import ILogObserver, Logger, textFileLogObserver
from twisted.python.logfile import DailyLogFile

log = Logger()
numbers = iter(range(1, 1_000_000))


def count():
    log.info("number {number}", number=next(numbers))


application = service.Application("counter")
internet.TimerService(0.05, count).setServiceParent(application)

# A component of the application, found by twistd, that takes the place of its own log.
file = DailyLogFile("counter.log", os.environ.get("LOG_FOLDER", "."))
application.setComponent(ILogObserver, textFileLogObserver(file))
