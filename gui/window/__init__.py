"""The main window: it puts the widgets together, and holds the table of commands. No logic."""
