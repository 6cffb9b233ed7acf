"""Opens timm networks: names, configurations and locally available weights."""
