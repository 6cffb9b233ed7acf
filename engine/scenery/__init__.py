"""The small world that the drawn demos were trained on, and folders of its scenes."""
