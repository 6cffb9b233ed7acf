"""What a network says of an edited image: before and after, along a slider, and over positions.

Above explain, whose maps choose the hottest pixels. How an image is edited is in edits.
"""
