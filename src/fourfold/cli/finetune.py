"""`fourfold finetune`: continues training from existing weights."""

from __future__ import annotations

from pathlib import Path

from fourfold.cli.train import TrainingOptions, carry_out
from fourfold.training.presets import read_settings
from fourfold.weights.find import find_weights
from fourfold.weights.weight_files import read_manifest

__all__ = ["finetune"]


def finetune(
    weights: str,
    training: Path,
    /,
    *,
    options: TrainingOptions,
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
    """
    # Loads torch, which the help does not need.
    from fourfold.training.settings import TrainingSettings
    from fourfold.training.train import finetune as do_finetune

    base = read_manifest(find_weights(weights))
    network = {"kind": base.network, **base.settings}
    settings = TrainingSettings(**{"network": network, **read_settings(training)})
    carry_out(lambda progress: do_finetune(weights, settings, options.output, progress=progress), options)
