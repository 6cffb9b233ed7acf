"""The dialogs: questions, export, reports and messages."""
