"""Run an unchanged Twisted script on Twisted's asyncioreactor with a uvloop loop."""

import os
import runpy
import sys

import uvloop
from twisted.internet import asyncioreactor

asyncioreactor.install(uvloop.new_event_loop())
del sys.argv[0]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
