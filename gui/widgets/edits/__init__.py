"""The panel and the strip of tools for 'what if'."""
