"""The settings of the user: which there are, and how they are stored."""
