"""The layer tree, its rows and their context menu."""
