"""Figures from the window: what they show, their drawing and saving, and one for each image.

How a figure looks is decided in engine/figures, and asked for in gui/widgets/figures.
"""
