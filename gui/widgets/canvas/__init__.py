"""The picture with its map: items, zoom, and the words over it."""
