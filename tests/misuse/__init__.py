"""Misuse: calls with wrong arguments, at wrong times, in wrong places, which never crash."""
