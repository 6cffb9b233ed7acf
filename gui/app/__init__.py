"""The application: start-up, single instance, session recovery, self-test."""
