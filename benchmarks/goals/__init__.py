"""The experiment of `goals.py`: policies, runs and their cache, and reports."""
