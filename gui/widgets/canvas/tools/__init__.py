"""Tools that edit on the canvas: drawing, selecting, moving and resizing what an edit is about."""
