"""Opening what the program writes for browsers in one: QtWebEngine, which is Chromium.

What belongs here: looking at pages, for tests and for people. What does not: writing them
(engine/reports, engine/folders/outputs). Run by .venv-browser, which has nothing but PySide6.
"""
