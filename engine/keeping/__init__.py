"""Sessions: what is kept of what is open, as records, and as a file that is written and read.

No window and no torch: whoever opens a session decides what becomes of it.
"""
