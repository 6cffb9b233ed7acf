"""What can be undone: one stack of steps, each with words for the menu."""
