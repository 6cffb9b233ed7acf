"""What the program says of itself: crash reports, the set-up check and its walk."""
