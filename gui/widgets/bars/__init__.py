"""Bars around the image: notices, status bar, hints."""
