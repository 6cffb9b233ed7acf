"""What if: the edits of images, the pixels that they give, and what the network says meanwhile."""
