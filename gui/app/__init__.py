"""The program as a whole: start, one window for each person, recovery, self-test."""
