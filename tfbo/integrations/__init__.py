"""tfbo together with other tools; each module needs its own extra, and is imported by name."""
