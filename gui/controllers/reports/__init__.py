"""Scripts and reports of what is on the screen, made and written on the lanes."""
