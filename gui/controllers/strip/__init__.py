"""The images of the strip: finding and reading them, freeing what can be read again, closing them.

Which are opened and which is selected is decided in gui/controllers/images.py.
"""
