"""Keeping what is open: from the state to a session, and from a session to the state."""
