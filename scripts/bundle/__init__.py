"""The packaged program: what goes in, how it is built, how it is checked."""
