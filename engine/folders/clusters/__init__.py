"""Groups of images by what a network looked at, and the test that hides it."""
