"""The life cycle of a process: startup, logging, crash records and exit.

Startup before any heavy import, the log, stack traces after a crash, temporary files of killed
writes, and the exit path. Nothing here knows images, networks or maps.
"""
