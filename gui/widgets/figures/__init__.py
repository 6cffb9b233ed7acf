"""Export figure: the dialog with its preview, the fields of the form, presets, and the batch."""
