"""What the inspector asks for: channels of a layer, and the images that show one most strongly."""
