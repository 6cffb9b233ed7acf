"""Several maps beside each other: which are asked for, who computes them, and what they differ by.

Above explain, which knows one model and one image at a time. How a figure is drawn is in figures.
"""
