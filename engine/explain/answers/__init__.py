"""What a session is made of: what was asked, where, what is known of it, and what is said about it.

The session itself, and the drivers of the families of methods, are one room up.
"""
