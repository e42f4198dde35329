"""tfbo for TensorBoard (the extra `tensorboard`): trials in its HParams and scalars."""

from __future__ import annotations

from tfbo.integrations.tensorboard.callback import TensorBoardCallback

__all__ = ["TensorBoardCallback"]
