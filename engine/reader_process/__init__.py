"""The reader process, which parses untrusted files: its loop (main), its requests (operations) and
its sandbox (confinement).

Knowledge of file formats is in other packages and only called from here.
"""
