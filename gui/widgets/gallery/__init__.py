"""The gallery of torchvision models."""
