"""Pictures, one a module; `tfbo.plots` has the functions that draw them."""
