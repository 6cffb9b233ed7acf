"""The images of the strip: reading them, freeing what can be read again, and closing them.

Which are opened and which is selected is decided in gui/controllers/images.py.
"""
