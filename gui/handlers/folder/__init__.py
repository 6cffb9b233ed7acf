"""Gestures of the folder page."""
