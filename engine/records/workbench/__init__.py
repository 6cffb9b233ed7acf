"""Records of the workbench: what an edited image gives, and how far a map is to be trusted."""
