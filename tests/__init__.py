"""The tests of pyreactor, run by pytest from the top directory."""
