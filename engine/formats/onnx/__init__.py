"""Opens ONNX files: read and prepared in a reader process, converted to torch networks."""
