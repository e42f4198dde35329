"""Other libraries with tfbo behind them: TensorBoard, Optuna and Ray, each an extra."""

MOST_LEVELS = 2**20
"""With more levels a parameter of theirs is searched as if it were continuous, and then rounded.

No model tells such levels apart, and tables of the levels of a logarithmic scale would fill the memory.
"""
