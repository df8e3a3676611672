"""Searches for failures: what they are and how to run them is in docs/reliability.md."""
