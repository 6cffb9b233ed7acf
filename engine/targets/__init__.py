"""Targets of explanations: class names, predictions, and the questions that a map can be asked.

What belongs here: the table of questions, from a question to a score, why one cannot be had, and
all of that in words. The maps themselves belong in methods, passes in passes.
"""
