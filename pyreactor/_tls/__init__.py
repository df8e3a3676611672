"""What puts TLS records in C into Twisted's protocol."""
