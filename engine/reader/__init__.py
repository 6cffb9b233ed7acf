"""The program's side of the reader processes, which parse untrusted files in isolation.

Contains the client, the message channel and the shared memory for large data. The process itself
is in engine.reader_process. Nothing that comes back is unpickled or run.
"""

SWITCH = "--reader-process"
"""The hidden first argument that starts the program as a reader process."""
