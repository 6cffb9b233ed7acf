"""What is explained: images in folders, tables and lists, read by readers, with their labels."""
