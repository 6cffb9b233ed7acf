"""Targets of explanations: class names, predictions and the logit to explain.

The maps themselves belong in methods.
"""
