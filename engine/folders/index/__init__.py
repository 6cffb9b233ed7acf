"""The index of a folder: its schema, its one writer, and the queries of its readers.

No torch: the window reads an index while nothing is computed.
"""
