"""Image input: from a file to pixels, and from pixels to the network's input.

Drawing on top of an image belongs in render.
"""
