"""The attribution methods: from what a layer returned, and its gradient, to a map.

What belongs here: formulas, as pure functions of tensors (inputs.py says what goes in and comes
out), and the one table that names them (registry.py), which is plain values and imports no torch.
What does not: running a network, hooks, passes, devices to choose, scaling or colouring a map, and
words on a screen that are not about a method. To add a method, write one function and one row.

This module imports nothing, so that whoever wants the table pays for the table alone.
"""
