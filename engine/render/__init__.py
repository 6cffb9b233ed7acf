"""From a map to a picture: colours, numbers beside the bar, caption.

Pure functions of numpy arrays; nothing here knows torch, and nothing writes a file (see export).
"""
