"""Tests of ``pyreactor bench``."""
