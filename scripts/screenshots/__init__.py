"""The pictures of README and guide, taken of the real program."""
