"""
Run an unchanged Twisted program on asyncioreactor: ``on_asyncio.py [--uvloop] PROGRAM ...``.

The program finds it installed, on a new loop, as by ``twistd --reactor=asyncio``.
"""

import asyncio
import runpy
import sys

from twisted.internet import asyncioreactor

del sys.argv[0]
if sys.argv[0] == "--uvloop":
    import uvloop

    del sys.argv[0]
    asyncioreactor.install(uvloop.new_event_loop())
else:
    asyncioreactor.install(asyncio.new_event_loop())
sys.path[0] = sys.argv[0].rpartition("/")[0]
runpy.run_path(sys.argv[0], run_name="__main__")
