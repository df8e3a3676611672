"""
The accelerated parts, one module each: ``reactor``, ``deferred``, ``framing``, ``log``, ``web``.

Every part module offers the same three names, which ``pyreactor._activation.hook`` uses:

``TARGETS``
    tuple of str: names of the Twisted modules the part changes.
``activate(module)``
    Called with each target module right after it was executed (or at once, where it had
    been imported before activation).  Must do nothing when called twice.
``status()``
    ``(in_c, reason)``: whether the part runs in C now in this process, and a short
    human explanation.  ``pyreactor doctor`` prints it, so it must look at what is
    really bound in Twisted's modules and never guess.
"""
