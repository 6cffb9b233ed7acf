"""Controllers: turn user actions into jobs on the lanes, and write the results into the state.

Dialogs and menus belong in handlers, display logic in presenters.
"""
