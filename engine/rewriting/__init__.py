"""A private, faster form of the network for what lies before the explained layer.

What belongs here: finding which modules may be rewritten, and their rewritten forms. What does not:
running passes and keeping their results; the network that is explained is never rewritten.
"""
