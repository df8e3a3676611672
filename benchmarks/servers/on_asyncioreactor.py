"""Run an unchanged Twisted script on asyncioreactor, on a new loop of the standard library's."""

import asyncio
import os
import runpy
import sys

from twisted.internet import asyncioreactor

asyncioreactor.install(asyncio.new_event_loop())
del sys.argv[0]
sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
