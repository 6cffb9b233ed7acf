"""How far a map can be believed: figures from the map alone, from further passes over changed
images, from a randomised copy of the network, and against what a person has marked.

table names them all, as plain values. A figure is a pure function of maps and scores; running
brings it these.
"""
