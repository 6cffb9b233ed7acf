"""Renders a map as an image: colours, colour bar with numbers, caption.

Pure functions on numpy arrays; nothing here knows torch, and nothing writes a file (see export).
"""
