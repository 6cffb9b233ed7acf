"""torchvision's classifiers: recognised by their weights, built for them, and downloaded."""
