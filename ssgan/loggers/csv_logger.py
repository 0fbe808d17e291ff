"""A CSV log that survives a kill and a resume."""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.csv_logs import CSVLogger, ExperimentWriter
from lightning.pytorch.utilities import rank_zero_only

from ssgan.atomic_write import atomic_write


class ResumableCSVLogger(CSVLogger):
    """Lightning's CSVLogger, which deletes the log that it finds; this one goes on with it.

    What the resumed run logs again is replaced: all rows after the first step that it logs, and of the rows of that
    step those with the same keys. A row is added to the end of the file; only for a new column is the file written
    anew, aside. So no moment is a bad one to be killed in, and the time that a row takes does not depend on how many
    there are.

    Args:
        save_dir: folder of ``metrics.csv``.
    """

    def __init__(self, save_dir: str) -> None:
        super().__init__(save_dir, name="", version="", flush_logs_every_n_steps=1)
        self._first: int | None = None  # step of this process's first row

    @property
    def experiment(self) -> Any:
        """What writes the file, in the main process."""
        if rank_zero_only.rank == 0 and self._experiment is None:  # type: ignore[attr-defined]
            self._experiment = _Writer(self.log_dir)
        return super().experiment

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, Any], step: int | None = None) -> None:
        """Log a row; where the resumed run begins, take out what it repeats."""
        if step is not None and self._first in (None, step):
            self.experiment.take_out(step, metrics.keys())
            self._first = step
        super().log_metrics(metrics, step)
        self.save()


class _Writer(ExperimentWriter):
    """Lightning's writer, which leaves the file there and never writes over it in place."""

    @property
    def _path(self) -> Path:
        return Path(self.metrics_file_path)

    def take_out(self, step: int, keys: Collection[str]) -> None:
        """Take out the rows after a step, those of the step with one of the keys, and what a kill has cut off."""
        if not self._path.is_file():
            return
        rows = [(float(row["step"]), row) for row in self._rows()]
        kept = [row for at, row in rows if at < step or (at == step and row.keys().isdisjoint(keys))]
        self.metrics_keys = sorted({key for row in kept for key in row})
        self._replace(kept)

    def _rows(self) -> list[dict[str, str]]:
        """The rows of the file without their empty cells, up to the first that is none."""
        rows = []
        with self._path.open(newline="", errors="replace") as file:
            try:
                for row in csv.DictReader(file):
                    cells = {key: value for key, value in row.items() if key is not None and value}
                    if "step" not in cells:
                        break
                    for value in cells.values():
                        float(value)
                    rows.append(cells)
            except (TypeError, ValueError, csv.Error):
                pass  # a kill or a power cut in the middle of a row
        return rows

    def _replace(self, rows: list[dict[str, str]]) -> None:
        if not rows:
            self._path.unlink()
            return
        with atomic_write(self._path, only_writer=True) as aside, aside.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=self.metrics_keys)
            writer.writeheader()
            writer.writerows(rows)

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        self._replace(self._rows())

    def _check_log_dir_exists(self) -> None:
        """Lightning deletes the file here."""
