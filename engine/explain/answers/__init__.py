"""What a session is made of: what was asked, where, what is known of it, and what is said about it.

The session itself is one room up; the drivers of the families of methods are in drivers.
"""
