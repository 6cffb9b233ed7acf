"""The commands for folders: batch, which computes an index, and what reads one."""
