"""What is asked in the active pane, and what was answered before.

The engine is asked in gui/controllers/explaining.py.
"""
