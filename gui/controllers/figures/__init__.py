"""Figures and charts from the window: what they show, their drawing and saving.

How a figure looks is decided in engine/figures, and asked for in gui/widgets/figures.
"""
