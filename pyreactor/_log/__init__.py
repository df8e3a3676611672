"""Twisted's log: what is put in the place of its functions, and whether that suits."""
