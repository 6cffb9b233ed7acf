"""Files as files: their kind, whether they may be read, run or written. Runs none of them.

Suffixes, kinds, consent by content, Python sources as text, and atomic writes. Parsing an image or
a network belongs in images, weights or formats.
"""
