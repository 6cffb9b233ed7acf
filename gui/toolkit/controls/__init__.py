"""Small controls that several rooms use: choices in a row, a search field, a panel's button."""
