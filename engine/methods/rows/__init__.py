"""The rows of the table of methods, one file for each family; registry.py joins them, in its order.

What belongs here: rows, as plain values. What does not: the functions that they name (in the room
above), and anything that reads the table. No torch and no numpy.
"""
