"""The embedded demo: its small world, its networks, its sample scenes."""
