"""One line above or below the picture: notices, status, hints."""
