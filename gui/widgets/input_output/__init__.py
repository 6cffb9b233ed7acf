"""The window 'Input and output': preprocessing, output and class names."""
