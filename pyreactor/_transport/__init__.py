"""Twisted's transports over those in C."""
