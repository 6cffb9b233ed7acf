"""Opens the user's Python files: finds the networks they define and builds one after consent."""
