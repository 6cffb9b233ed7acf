"""Methods that map the pixels of the network's input: no layer, and a map of the input's size.

What belongs here: their formulas, as pure functions of a PixelInput, and how many passes each will
take (expected.py, without torch). What does not: running the network, which
engine.explain.drivers.input_maps does for them.
"""
