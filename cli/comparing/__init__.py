"""The command compare: what is named, the panes that come of it, and how they are written."""
