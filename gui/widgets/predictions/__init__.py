"""The likeliest classes, and the search among all of them."""
