"""From a source to a Model: input size, class names, and what a person changed.

Opening the network itself belongs in formats.
"""
