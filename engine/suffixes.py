"""What is taken for an image and what for weights, by the end of a file's name."""

from __future__ import annotations

IMAGES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".jp2", ".pbm", ".pgm", ".png", ".ppm", ".tga", ".tif"}
    | {".tiff", ".webp", ".avif", ".ico"}
)
"""File suffixes that are taken for pictures when a folder is opened."""

WEIGHTS = frozenset({".pth", ".pt", ".bin", ".ckpt", ".safetensors"})
"""File suffixes that are taken for weights when they are dropped or named as a model."""
