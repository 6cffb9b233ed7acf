"""What a file is and whether it may be read or written, told without running it.

Names and suffixes, kinds, consent by content, Python sources as text, and the one door for outputs.
What a picture or a network is inside belongs in images, weights or formats.
"""
