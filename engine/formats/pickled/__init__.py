"""Opens networks pickled whole by torch.save: rebuilt from a description, or run after consent.

Reading the pickle as a description belongs in weights.
"""
