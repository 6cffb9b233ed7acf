"""The drop-down panel from which one of many rows is chosen: methods, questions.

It knows rows and forms of options, and neither methods nor questions: presenters fill it.
"""
