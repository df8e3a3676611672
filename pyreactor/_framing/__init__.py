"""What puts framing in C into Twisted's protocols."""
