"""Learning-curve optimisation beside its peers: tasks, policies and reports of `curves.py`."""
