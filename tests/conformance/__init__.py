"""
Twisted's own suite as the specification: it is run on stock Twisted and on pyreactor.

``python -m tests.conformance --help`` tells the options.
"""
