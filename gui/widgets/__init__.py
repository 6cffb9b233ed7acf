"""The widgets, one package for each.

A widget shows what it is given and reports user actions by signals. It imports records, toolkit,
settings and file_dialogs, but no other widget package, state, job or controller.
"""
