"""From the state to the widgets: nothing here decides, computes or asks."""
