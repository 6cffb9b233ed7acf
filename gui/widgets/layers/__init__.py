"""The tree of the network's layers, its rows and their menu."""
