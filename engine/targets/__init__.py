"""What is explained: from logits to a scalar, and the names of classes.

The maps themselves belong in methods.
"""
