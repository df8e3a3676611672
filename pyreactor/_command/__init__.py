"""The command line: running programs, ``doctor``, ``enable`` and ``disable``."""
