"""The application state: one object with signals, and the records it holds."""
