"""Copy as Python, Save as Python script, and Report."""
