"""The drawer below the canvas: its tabs, and the pages Layers, Channels and Numbers with their
charts. The image strip, which is its first page, has a room of its own; what a page shows is found
by controllers and set by a presenter."""
