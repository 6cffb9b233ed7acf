"""Asking for what was exported again."""
