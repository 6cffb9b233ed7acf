"""The gestures of single pages of the inspector."""
