"""Figures of one or several panes: their layout, and how it is written as PNG, SVG and PDF.

A pane is a picture with its map; layout makes of them a drawing in points, which knows no format,
and each format has a file that writes one. What the panes are of is decided elsewhere (comparing).
Nothing here knows torch.
"""
