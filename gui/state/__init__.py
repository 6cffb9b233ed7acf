"""What is open and selected, as one object with signals, and the records that it holds."""
