"""Opens a file or name as a network: one package for each family of formats.

Each opener returns a Network (network.py): the module with its weights and its files' metadata.
The final input specification and class names are determined in loading.
"""
