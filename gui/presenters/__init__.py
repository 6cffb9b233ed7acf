"""Presenters: show the state in the widgets. No decisions, computations or dialogs here."""
