"""Writes a short Python script that makes one map again with torch alone, for a person to read.

What belongs here: what such a script needs to know (recipe), how that is found out for a model that
is open (planning, networks, weights), and the text (the other files). What does not: computing
anything.
"""
