"""Networks that torch.save pickled whole: described, recognised and built anew, or asked about.

Nothing of the pickle is run here; reading it belongs in weights.
"""
