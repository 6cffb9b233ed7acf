"""The panels of methods and questions: what is chosen there, and the forms that they open."""
