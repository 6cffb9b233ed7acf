"""The command line: commands, options and the entry of the program. No Qt."""
