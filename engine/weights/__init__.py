"""What a weights file holds, read without running anything of it.

Tensors, plain values and inert descriptions of the rest. What a network is made of them is the
formats' matter.
"""
