"""Charts and tables of what all rows of a folder tell."""
