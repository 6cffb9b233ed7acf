"""The process that reads what strangers made: its loop (main), what it can be asked (operations),
what it gives up beforehand (confinement).

What is known about a format is in a module of its own beside this folder, and only called from
here.
"""
