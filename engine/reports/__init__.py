"""Reports: one file, HTML or PDF, with an image, what a network says of it, and why.

What belongs here: the blocks of which a report consists (blocks), what is said in them (contents),
and the files that they become (html, pages, saving). What does not: computing maps or figures.
"""
