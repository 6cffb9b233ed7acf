"""Work for the folder page: reading an index, runs, figures, exports."""
