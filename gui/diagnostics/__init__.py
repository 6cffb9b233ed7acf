"""Self-diagnosis: crash reports, the installation check and its walkthrough."""
