"""The dialog Report: what a report has, and what is said at its beginning."""
