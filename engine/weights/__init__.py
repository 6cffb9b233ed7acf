"""Reads weights files without running any code in them.

Yields tensors, plain values and inert descriptions of the rest. Building a network from them
belongs in formats.
"""
