"""Inspects a network before an image is explained: layers and their axes, class labels, memory.

Everything here runs on shapes or on noise, once, when a model is opened.
"""
