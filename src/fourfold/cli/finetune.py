"""`fourfold finetune`: continues training from existing weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fourfold.cli.flags import OUTPUT, Flag
from fourfold.cli.train import carry_out
from fourfold.training.presets import read_settings
from fourfold.weights.find import find_weights
from fourfold.weights.weight_files import read_manifest

__all__ = ["finetune"]


def finetune(
    weights: str,
    training: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o", group=OUTPUT)],
    threads: int | None = None,
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
) -> None:
    """Continue training from existing weights, and write new weights.

    The network is that of the weights; the settings file need not give it.

    For example:

        fourfold finetune weights/photographs t1.yaml -o weights/t1

    Parameters
    ----------
    weights
        A name that `fourfold weights list` shows, a folder, or hf://owner/name.
    training
        YAML file with the settings, as for `train`.
    output
        Folder to write to.
    threads
        Number of processor threads; by default torch decides.
    json
        Print the manifest on stdout as JSON.
    """
    # Loads torch, which the help does not need.
    from fourfold.training.settings import TrainingSettings
    from fourfold.training.train import finetune as do_finetune

    base = read_manifest(find_weights(weights))
    network = {"kind": base.network, **base.settings}
    settings = TrainingSettings(**{"network": network, **read_settings(training)})
    carry_out(lambda progress: do_finetune(weights, settings, output, progress=progress), output, threads, json)
