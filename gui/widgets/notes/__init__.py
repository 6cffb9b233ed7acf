"""Notes on images and on parts of them."""
