"""Shared building blocks of all widgets: theme, labels, images for the screen, and plain text.

Nothing here depends on open models or images, or on the engine lane.
"""
