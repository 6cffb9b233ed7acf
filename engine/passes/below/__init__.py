"""What happens below modules: in the functions that they call, and in the autograd graph.

What belongs here: ways to see and steer a single pass that work for modules, functions and in-place
forms alike, and leave the network as it is. Hooks on modules belong in engine.passes.hooks, and
what is made of the findings in engine.methods.
"""
