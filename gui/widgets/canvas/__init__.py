"""The canvas: the image with its map, zoom and pan, and the texts over it."""
