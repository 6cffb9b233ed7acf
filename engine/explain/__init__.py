"""One model and one image: which pass answers a question, and the maps it gives.

The formulas are in methods, the passes in passes.
"""
