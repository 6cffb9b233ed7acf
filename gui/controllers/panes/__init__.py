"""Several panes: which there are, what they share, and what follows the active one."""
