"""Tests of what looks into a running reactor."""
