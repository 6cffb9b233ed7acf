"""Forward passes through a network and what they leave behind: hooks, kept outputs, gradients.

What a gradient means for a map belongs in methods; which pass answers a question, in explain.
"""
