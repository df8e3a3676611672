"""
Looking into a reactor that runs: what blocks it (`watchdog`), as asked for (`settings`).

Nothing of Twisted is imported until a reactor starts.
"""
