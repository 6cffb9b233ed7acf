"""Writes results to files.

How an image looks is decided in render; this package only writes it."""
