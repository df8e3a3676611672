"""DailyLogFile: a log with a file for each day.

When a day is over, its file gets the date behind its name and a new one is begun. Here the clock is
put forward to see it.
"""

import datetime
import os
import tempfile
import time

from twisted.logger import Logger, globalLogBeginner, textFileLogObserver
from twisted.python.logfile import DailyLogFile

log = Logger()


class Tomorrow(DailyLogFile):
    """A log file whose clock can be put forward."""

    days = 0

    def toDate(self, *args):
        if args:
            return super().toDate(*args)
        day = datetime.date.today() + datetime.timedelta(days=self.days)
        return day.timetuple()[:3]


def main():
    with tempfile.TemporaryDirectory() as folder:
        file = Tomorrow("app.log", folder)
        observer = textFileLogObserver(file, timeFormat="")
        globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)

        for day in range(3):
            file.days = day
            log.info("first of day {day}", day=day)
            log.info("second of day {day}", day=day)
        file.close()

        print("files:", len(os.listdir(folder)))
        for name in sorted(os.listdir(folder), key=lambda name: (name == "app.log", name)):
            with open(os.path.join(folder, name)) as lines:
                ours = [line.split("] ")[1].strip() for line in lines if "of day" in line]
            dated = name.removeprefix("app.log")
            print("dated" if dated and time.strptime(dated, ".%Y_%m_%d") else "current", ours)


if __name__ == "__main__":
    main()
