"""The display panel."""
