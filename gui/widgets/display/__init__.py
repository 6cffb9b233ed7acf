"""The panel that says how a map is coloured."""
