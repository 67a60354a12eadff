"""`fourfold train`: trains a network and writes its weights."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import Parameter

from fourfold.cli.computer import Computer
from fourfold.cli.console import print_facts, print_json, print_line, print_note, progress_bar
from fourfold.cli.flags import OUTPUT, Flag
from fourfold.training.presets import read_settings
from fourfold.weights.manifest import Manifest

if TYPE_CHECKING:
    from fourfold.methods.method import Progress

__all__ = ["TrainingOptions", "carry_out", "train"]


@dataclass(frozen=True)
class _Options:
    """Where a training writes, and on how many threads it runs."""

    output: Annotated[Path, Parameter(alias="-o", group=OUTPUT)]
    """Folder to write to."""
    threads: int | None = None
    """Number of processor threads; by default torch decides."""
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False
    """Print the manifest on stdout as JSON."""


TrainingOptions: TypeAlias = Annotated[_Options, Parameter(name="*")]
"""Options of the commands that train."""


def train(
    training: Path,
    /,
    *,
    options: TrainingOptions,
) -> None:
    """Train a network with the settings in a file, and write its weights.

    The file gives network, data, losses and stages. It may build on a published training with `preset: varnet` (or
    dar2018, ghodrati2019-unet, ghodrati2019-resnet, fastmri-unet).

    The output folder then holds the weights and their manifest, checkpoints, the log, and `training.html` with the loss
    curves. The same command again resumes an interrupted training.

    For example:

        fourfold train settings.yaml -o weights/knee

    Parameters
    ----------
    training
        YAML file with the settings.
    """
    # Loads torch, which the help does not need.
    from fourfold.training.settings import TrainingSettings
    from fourfold.training.train import train as do_train

    settings = TrainingSettings(**read_settings(training))
    carry_out(lambda progress: do_train(settings, options.output, progress=progress), options)


def carry_out(work: Callable[[Progress], Manifest], options: TrainingOptions) -> None:
    """Run a training with a progress bar, write its page even after errors, and print a summary."""
    from fourfold.report.training import write_training

    folder = options.output
    Computer(threads=options.threads).set_up()
    try:
        with progress_bar() as bar:
            manifest = work(bar)
    except KeyboardInterrupt:
        if (folder / "checkpoints").exists():
            print_note(f"Checkpoints are in '{folder}': the same command again resumes from the last one.")
        raise
    finally:
        if (folder / "losses.csv").exists():
            write_training(folder)
    if os.environ.get("RANK", "0") != "0":
        # Only the first of several processes that torchrun started prints.
        return
    if options.json:
        print_json(manifest.model_dump(mode="json"))
        return
    print_facts({"weights": str(folder), "network": manifest.network, **manifest.scores})
    print_line(f"Open {folder / 'training.html'} in a browser to see the loss curves.")
