"""The strip of opened images."""
