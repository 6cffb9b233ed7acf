"""Resumable, cancellable downloads over HTTP.

Which weights exist, and their metadata, belongs in formats (formats/torchvision/gallery).
"""
