"""Lines of scripts, as text: whole functions that are the same in each, and formulas of methods.

What decides which of them a script has belongs in engine.scripting.
"""
