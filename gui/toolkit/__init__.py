"""What all widgets share: theme, labels, pictures for the screen, and the door between texts and
Qt.

Nothing here knows a model, an image that is open, or the engine's lane.
"""
