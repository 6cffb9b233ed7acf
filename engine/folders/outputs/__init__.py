"""Files made of an index: the table, the page that opens offline, overlays and maps."""
