"""What changes an image for 'what if', and undoing: gestures and menus to the controllers."""
