"""The user guide window."""
