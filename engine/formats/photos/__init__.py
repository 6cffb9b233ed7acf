"""The demo for photographs: EfficientNet-Lite0, trained on ImageNet.

What belongs here: its architecture, and reading its weights, which come as a package of their own.
What does not: the demos that are drawn here, and the scenes (engine.formats.demo).
"""
