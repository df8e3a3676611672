"""What ``Deferred`` in C needs of Twisted."""
