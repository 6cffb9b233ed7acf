"""Results as files.

What a picture looks like is decided in render; this room writes it down."""
