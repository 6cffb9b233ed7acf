"""Work of the file lane: finding images and models, reading them for the canvas, writing exports.

Plain functions on records and images: no widgets, no state, no torch. Pillow is imported inside
the jobs, so that the window is painted first.
"""
