"""Pictures in: from a file to pixels, and from pixels to the network's input.

What is drawn on top of a picture belongs in render.
"""
