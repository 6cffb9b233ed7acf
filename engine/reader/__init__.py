"""How the program asks its reader, a process of its own that reads what strangers made.

In here: who asks (client), how messages cross (channel) and what is large (shared). What the
process does is in engine.reader_process. Nothing that comes back is unpickled or run.
"""

SWITCH = "--reader-process"
"""The hidden first argument of the program that makes it a reader."""
