"""Shows the open folder: its rows, and what all of them tell."""
