"""Sessions and notes: menus and dialogs, and what is asked about them."""
