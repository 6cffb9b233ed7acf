"""Loads a source as a Model: input size, class names and the user's adjustments.

Opening the network itself belongs in formats.
"""
