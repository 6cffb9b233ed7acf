"""Opens Hugging Face folders: configuration, weights and preprocessing."""
