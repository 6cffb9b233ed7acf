"""Explanations of one image by one model: which pass serves a request, and the maps it yields.

The formulas are in methods, the forward and backward passes in passes.
"""
