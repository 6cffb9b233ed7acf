"""Writes results to files; sidecar is what JSON says of an explanation.

How an image looks is decided in render; this package only writes it."""
