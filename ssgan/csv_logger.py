"""A CSV log that survives a resume."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities import rank_zero_only


class ResumableCSVLogger(CSVLogger):
    """Lightning's CSVLogger, which deletes the log that it finds; this one goes on with it.

    Rows of the interrupted run from the first newly logged step on are replaced: the resumed run repeats them.

    Args:
        save_dir: folder of ``metrics.csv``.
    """

    def __init__(self, save_dir: str) -> None:
        super().__init__(save_dir, name="", version="", flush_logs_every_n_steps=1)
        self._earlier: list[dict[str, Any]] = []
        path = Path(save_dir) / "metrics.csv"
        if path.is_file():
            with path.open(newline="") as file:
                self._earlier = [
                    {k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file) if row["step"]
                ]

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, Any], step: int | None = None) -> None:
        """Log a row; before the first one, the earlier run's rows up to there."""
        earlier, self._earlier = self._earlier, []
        for row in earlier:
            if step is None or row["step"] < step:
                at = int(row.pop("step"))
                self.experiment.log_metrics(row, at)
        super().log_metrics(metrics, step)
        self.save()
