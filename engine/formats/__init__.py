"""From a file or name to a network: one room for each family of formats.

Each opener returns a Network (network.py): the module with its weights, and what its files say of
it. What a network's input and classes are in the end is settled in loading.
"""
