"""Train a semi-supervised GAN.

python -m ssgan.train trick=feature_matching data=svhn
python -m ssgan.train sweep=ablation
python -m ssgan.train --help
"""

from __future__ import annotations

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ssgan.commands.cli import one_line_errors, run_hydra
from ssgan.config import config_folder, parse
from ssgan.resolvers import in_sweep
from ssgan.run_folder.checkpoint import find_checkpoint
from ssgan.sweeping.job import contained, prepare
from ssgan.sweeping.monitor import sweep_summary


@hydra.main(version_base="1.3", config_path=str(config_folder()), config_name="train")
@one_line_errors
@contained
def job(cfg: DictConfig) -> float | None:
    """Check the configuration, then train; return the error on held-out labels, if there are any, for a sweeper."""
    hydra_config = HydraConfig.get()
    runtime = hydra_config.runtime
    config = parse(cfg, runtime.output_dir, list(hydra_config.overrides.task), runtime.cwd)
    config.run.ckpt_path = find_checkpoint(config.run.ckpt_path, config.run_dir)
    result = prepare(config) if in_sweep() else None
    if result is None:
        from ssgan.run import run  # torch and lightning only now: a wrong option has been refused by here

        result = run(config, quiet=in_sweep())
    return result.get("val_error")


def main() -> None:
    """The command ``ssgan-train``."""
    with sweep_summary():
        run_hydra(job)


if __name__ == "__main__":
    # By its name and not as __main__.job, so that launchers can hand the job to other processes.
    from ssgan.train import main as main_by_name

    main_by_name()
