"""Work away from the GUI thread: the lanes, and what runs on each.

The only room that owns a thread, and the only one that calls the engine's torch side.
"""
