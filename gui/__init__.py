"""The graphical user interface of Hookscope."""
