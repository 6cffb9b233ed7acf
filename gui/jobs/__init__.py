"""Background work: the lanes (worker threads) and the jobs that run on them.

The only package that owns threads, and the only one that calls the torch part of the engine.
"""
