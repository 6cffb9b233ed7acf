"""What is seen and touched: one room for each widget.

A widget shows what it is given and says by signals what a person did. It imports records, toolkit,
settings and file_dialogs, and no other widget's room, state, job or controller.
"""
