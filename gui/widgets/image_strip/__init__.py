"""The image strip."""
