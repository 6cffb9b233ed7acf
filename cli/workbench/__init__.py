"""Commands that work on an explanation: how far to trust it, what if the image were another, and
keeping the answer."""
