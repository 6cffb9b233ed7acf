"""Forward and backward passes through a network: hooks, kept outputs, gradients.

Computing a map from a gradient belongs in methods; choosing which pass to run, in explain.
"""
