"""From a gesture or menu to the controller that answers it, with the dialogs in between."""
