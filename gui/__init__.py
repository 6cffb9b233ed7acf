"""The window of Hookscope."""
