"""Inspects a network before an image is explained: its layers, their axes, its memory.

Everything here runs on shapes or on noise, once, when a model is opened.
"""
