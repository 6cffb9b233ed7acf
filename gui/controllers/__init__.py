"""What a person wants, put to the lanes, and the answers written into the state.

Dialogs and menus belong in handlers; what is shown, in presenters.
"""
