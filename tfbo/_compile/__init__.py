"""Compiled programs: on which device, kept where, and run how."""
