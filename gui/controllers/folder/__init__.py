"""The open folder: its index, its runs, and what the folder page asks of them."""
