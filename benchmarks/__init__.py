"""Speed and memory of pyreactor beside stock Twisted and uvloop.  See README.md here."""
