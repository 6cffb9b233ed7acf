"""What was settled about a model, as plain JSON, and where it is kept.

Finding the settings anew belongs in loading.
"""
