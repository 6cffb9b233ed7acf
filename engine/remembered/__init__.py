"""What the inspection of a network found, kept for the next time that the network is opened.

How a network is told apart from others, how what was found is written down, and where it is kept.
Finding it belongs in inspection.
"""
