"""timm's networks: names, configurations and weights on this computer."""
