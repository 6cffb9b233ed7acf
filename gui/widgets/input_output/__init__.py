"""The dialog for what a network takes and gives."""
