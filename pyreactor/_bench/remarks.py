"""Reasons of rows that are not won, as far as they are known; by the name of the row."""

from __future__ import annotations

REMARKS: dict[str, str] = {}
