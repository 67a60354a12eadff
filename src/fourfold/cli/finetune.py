"""`fourfold finetune`: trains on from weights."""

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
    """Train on from weights, as a settings file says, and write new ones.

    The network is that of the weights; the settings file need not name it.

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
        Processor threads to use; torch decides unless given.
    json
        Print the manifest on stdout as JSON.
    """
    # Loads torch, which the help does not need.
    from fourfold.training.settings import TrainingSettings
    from fourfold.training.train import finetune as do_finetune

    base = read_manifest(find_weights(weights))
    given = {"network": {"kind": base.network, **base.settings}, **read_settings(training)}
    settings = TrainingSettings(**given)
    carry_out(lambda progress: do_finetune(weights, settings, output, progress=progress), output, threads, json)
