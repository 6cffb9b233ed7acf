"""Maps that take passes of their own: one driver for each family of methods that has such maps.

What belongs here: the passes that such a method asks for, over changed inputs or from a layer on.
What does not: its formula (engine/methods), and maps that follow from the output and gradient of
one pass (maps.py).
"""
