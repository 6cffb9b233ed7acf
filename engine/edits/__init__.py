"""Edits done to an image, for 'what if': shapes to masks, fills, changes, and what is pasted.

Plain numpy and OpenCV on any thread; nothing here knows torch. The records are in
engine/records/edits.py; what a network says of an edited image is in explain.
"""
