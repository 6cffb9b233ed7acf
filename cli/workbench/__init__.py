"""Commands of the workbench: what-if, trust, script, report."""
