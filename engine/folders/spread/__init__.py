"""A folder on many machines: the shards of a run, computed by the workers of a Dask scheduler.

distributed is imported by name, when it is needed: it is an optional package that no bundle has.
"""
