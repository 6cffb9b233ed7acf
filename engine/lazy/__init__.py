"""Lazy imports of heavy or optional packages: one module for each.

Each module imports one package (numpy, OpenCV, torch, torchvision, or an extra) on first use, works
around its known problems, and reports failures in one line. Nothing here knows images, networks or
maps.
"""
