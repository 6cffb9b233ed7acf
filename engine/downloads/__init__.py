"""Resumable, cancellable downloads over HTTP.

Which weights exist and what they are is the formats' matter (formats/torchvision/gallery).
"""
