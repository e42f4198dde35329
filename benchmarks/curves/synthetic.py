"""A small table of made-up learning curves, for a quick look that needs no data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

ROWS, STEPS = 300, 27
TASKS = ("bowl", "valley")


def write(folder: Path) -> Path:
    """Write the tables into a folder, in the form of `tasks.tables`: power laws that cross each other."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    u = rng.random([ROWS, 3])
    names = np.array(["rate", "momentum", "decay"])
    np.savez(folder / "_configurations.npz", x=10.0 ** (4.0 * u - 5.0), names=names)
    step = np.arange(STEPS + 1.0)
    for shift, name in enumerate(TASKS):
        far = np.sum((u - 0.3 - 0.2 * shift) ** 2 * np.array([3.0, 1.0, 0.3]), axis=1)
        end, power = 0.2 + far, 0.2 + 1.5 * u[:, 0]  # fast ones are not the best ones
        curve = end[:, None] + (2.0 - end[:, None]) * (1.0 + step) ** -power[:, None]
        noise = 0.01 * rng.standard_normal(curve.shape)
        np.savez(folder / f"{name}.npz", loss=(curve + noise).astype(np.float32))
    return folder
