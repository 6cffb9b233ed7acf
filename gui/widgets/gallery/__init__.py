"""The gallery of published classifiers."""
