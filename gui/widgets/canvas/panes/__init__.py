"""Several canvases beside each other: their arrangement, headings, links, divider and common bar.

What a single canvas shows is in the room above.
"""
