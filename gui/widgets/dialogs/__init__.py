"""Questions and small messages in windows of their own."""
