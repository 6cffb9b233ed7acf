"""The memory that passes take: how much they may, errors that say it ran out, a limit where the
need is unknown, and what is held between passes.

What a network will need belongs in inspection; what to do when it runs out, in explain.
"""
