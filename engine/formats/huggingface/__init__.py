"""Folders of Hugging Face: configuration, weights, and preprocessing as a record."""
