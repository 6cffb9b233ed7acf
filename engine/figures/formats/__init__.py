"""One file for each format that a drawing is written in, and what a PDF needs beside: its objects,
and the glyphs of its fonts."""
