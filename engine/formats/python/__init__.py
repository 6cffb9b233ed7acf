"""Python files of the user's: what in them makes a network, and making it after consent."""
