"""The predictions panel: the top classes, and a search in all classes."""
