"""Many images explained to one model: what they are, their rows, the index that keeps these.

inputs/ finds images and labels, index/ stores rows and answers queries, outputs/ writes files,
clusters/ groups what a network looked at. Here is what computes: a shard of inputs becomes rows,
and a run goes through the shards. What one image needs belongs to engine.explain.
"""
