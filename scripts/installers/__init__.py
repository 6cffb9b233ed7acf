"""Installers of the three systems: made, and installed, upgraded and removed on trial."""
