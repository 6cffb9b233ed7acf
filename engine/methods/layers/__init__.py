"""Methods of a layer that take more than its activation and gradient from one pass.

What belongs here: their formulas, as pure functions of a MethodInput, and how many passes each will
take (expected.py, without torch). What does not: running the network, which
engine.explain.drivers.layer_maps does for them.
"""
