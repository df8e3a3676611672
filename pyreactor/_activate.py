"""
The name by which ``pyreactor.pth`` of an earlier pyreactor finds ``activate``.

Such a file would leave Twisted as it is without a word; ``pyreactor enable`` writes it anew.
"""

from pyreactor._activation.hook import activate

__all__ = ["activate"]
