"""What several groups of scripts share: checks, displays, locks, rules of workflows."""
