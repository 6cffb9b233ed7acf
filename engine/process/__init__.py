"""How a process of the program begins, is recorded and ends.

Start-up before any heavy import, the log, the stacks that a crash leaves, temporary files of a
killed write, and the one way out. Nothing here knows images, networks or maps.
"""
