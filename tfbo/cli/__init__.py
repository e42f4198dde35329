"""The command `tfbo`: what its parts write and draw."""
