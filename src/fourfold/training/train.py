"""Trains a network stage by stage, and writes its weights."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml

from fourfold.datasets import Examples, training_set, validation_set
from fourfold.errors import InputError
from fourfold.files.documents import read_settings
from fourfold.files.output import atomically, write_text
from fourfold.methods.method import Progress
from fourfold.networks.build import build
from fourfold.networks.network import Network
from fourfold.training.checkpoint import BEST, LAST, Checkpoint, read_checkpoint
from fourfold.training.lightning_messages import no_lightning_messages
from fourfold.training.progress_relay import relayed_progress
from fourfold.training.scan_statistics import scan_statistics_of_examples
from fourfold.training.settings import TrainingSettings
from fourfold.training.stages import Stage, plan_stages
from fourfold.training.supervision import SupervisedBatch, supervision
from fourfold.weights.find import find_weights
from fourfold.weights.half_precision import to_half_precision
from fourfold.weights.manifest import Manifest, ScanStatistics, TrainingData
from fourfold.weights.out_of_distribution import FEWEST_SCANS
from fourfold.weights.reference_output import reference_output
from fourfold.weights.state_dict import load_state, read_weights, write_weights
from fourfold.weights.weight_files import MANIFEST, WEIGHTS, read_manifest

if TYPE_CHECKING:
    from fourfold.training.task import Data

__all__ = ["finetune", "is_finished", "train"]

_SETTINGS = "settings.yaml"
# Settings of the computer, which do not change the result.
_COMPUTER_SETTINGS = ("device", "devices", "nodes", "workers")
# Largest number of examples for the scan statistics in the manifest.
_STATISTICS_EXAMPLES = 120


def train(
    settings: TrainingSettings, folder: str | PathLike[str], *, resume: bool = True, progress: Progress | None = None
) -> Manifest:
    """Train a network from its initial weights, and write a folder of weights.

    The folder then holds ``weights.safetensors``, ``manifest.json`` and ``settings.yaml``; the last and the best
    checkpoint of every stage, in ``checkpoints/``; and the log: ``losses.csv``, ``scores.csv`` and ``tensorboard/``.

    Parameters
    ----------
    settings
        Settings of the training.
    folder
        Created if it does not exist. An unfinished training with the same settings is resumed from its last checkpoint;
        on a CPU the weights are the same as without the interruption.
    resume
        False raises an error where the folder holds a training.
    progress
        Called with the completed fraction and a short description; only where one process trains.

    Raises
    ------
    InputError
        When the data or the folder is unsuitable, Lightning is not installed, or the loss is not finite. The message
        then names step and examples, and the last checkpoint is kept.
    """
    return _train(settings, Path(folder), None, resume, progress)


def finetune(
    weights: str | PathLike[str],
    settings: TrainingSettings,
    folder: str | PathLike[str],
    *,
    resume: bool = True,
    progress: Progress | None = None,
) -> Manifest:
    """Continue training from existing weights.

    Parameters
    ----------
    weights
        The name of shipped weights, a folder of weights, or ``hf://owner/name``.
    settings, folder, resume, progress
        As in `train`; the network must be that of the weights.

    Raises
    ------
    InputError
        As in `train`, and where the weights belong to another network.
    """
    return _train(settings, Path(folder), find_weights(str(weights)), resume, progress)


def _train(
    settings: TrainingSettings, folder: Path, initial_weights: Path | None, resume: bool, progress: Progress | None
) -> Manifest:
    _require_lightning()
    from fourfold.training.task import Data

    network = build(settings.network["kind"], settings.network_settings)
    base: Manifest | None = None
    if initial_weights is not None:
        state, base = read_weights(initial_weights)
        load_state(network, state, base.name)
    has_validation = settings.data.split.validation if settings.data.sources else settings.data.validation
    validation = validation_set(settings.data, settings.seed) if has_validation else None
    data = Data(training_set(settings.data, settings.seed), validation)
    if validation is None and settings.keep == "best":
        raise InputError("There is no validation data to choose the best weights by; give some, or set 'keep: last'.")
    _claim_folder(folder, settings, base, resume)
    stages = plan_stages(settings, network, len(data.training))
    for stage in stages:
        checkpoint = _finished_checkpoint(stage, folder)
        if checkpoint is None:
            _fit(network, stage, settings, data, folder, stages[-1], progress)
            checkpoint = read_checkpoint(folder / "checkpoints" / stage.name / LAST)
        assert checkpoint is not None
        network.load_state_dict(checkpoint.result)
    return _write(settings, network, folder, stages[-1], data, base)


def is_finished(settings: TrainingSettings, folder: Path, weights: Path | None = None) -> bool:
    """Return whether a folder holds the weights of this training, which started from `weights` if given.

    Raises
    ------
    InputError
        When the folder holds another training.
    """
    if not (folder / MANIFEST).exists():
        return False
    _claim_folder(folder, settings, None if weights is None else read_manifest(weights), resume=True)
    return True


def _claim_folder(folder: Path, settings: TrainingSettings, base: Manifest | None, resume: bool) -> None:
    """Write the settings into the folder, or compare them with those that are there."""
    path = folder / _SETTINGS
    content = settings.model_dump(mode="json")
    if base is not None:
        content["start"] = f"{base.name} {base.sha256}"
    if not path.exists():
        if any((folder / name).exists() for name in (WEIGHTS, MANIFEST)):
            raise InputError(f"'{folder}' holds weights but no training; name another folder.")
        folder.mkdir(parents=True, exist_ok=True)
        # Fails for the second of two trainings that claim the folder at the same time.
        with atomically(path, ".yaml", replace=False) as file:
            write_text(file, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
        return
    existing = read_settings(path)
    names = [name for name in content | existing if name not in _COMPUTER_SETTINGS]
    differing = [name for name in names if content.get(name) != existing.get(name)]
    if differing or not resume:
        how = f" with other settings ({', '.join(differing)})" if differing else ""
        raise InputError(f"'{folder}' holds a training{how}; name another folder, or remove this one.")


def _finished_checkpoint(stage: Stage, folder: Path) -> Checkpoint | None:
    """Return the last checkpoint of a stage if the stage is finished; otherwise None."""
    checkpoint = read_checkpoint(folder / "checkpoints" / stage.name / LAST)
    return checkpoint if checkpoint is not None and checkpoint.step == stage.steps else None


def _fit(
    network: Network,
    stage: Stage,
    settings: TrainingSettings,
    data: Data,
    folder: Path,
    last: Stage,
    progress: Progress | None,
) -> None:
    """Train one stage to its end."""
    from fourfold.training.task import Task

    checkpoints = folder / "checkpoints" / stage.name
    checkpoints.mkdir(parents=True, exist_ok=True)
    total = last.first_step + last.steps
    resumed = read_checkpoint(checkpoints / LAST)
    relay = nullcontext(progress) if _processes_exist(settings) else relayed_progress(progress)
    with no_lightning_messages(), _interrupt_kept(), relay as report:
        task = Task(network, stage, settings, data, folder, resumed, total, report)
        _trainer(settings, network.estimates_maps).fit(task)


def _trainer(settings: TrainingSettings, has_unused_weights: bool) -> Any:
    """Return Lightning's trainer for the devices; `Task` does validation, log and checkpoints."""
    import pytorch_lightning as pl
    from pytorch_lightning.strategies import DDPStrategy

    from fourfold.training.processes import SpawnStrategy

    cuda = settings.device == "cuda" or (settings.device == "auto" and torch.cuda.is_available())
    if cuda and not torch.cuda.is_available():
        raise InputError("The device is 'cuda' but torch finds none; set 'device: cpu'.")
    strategy: Any = "auto"
    if settings.devices * settings.nodes > 1:
        kind = partial(DDPStrategy, start_method="popen") if _processes_exist(settings) else SpawnStrategy
        strategy = kind(
            process_group_backend="nccl" if cuda else "gloo",
            # Single-coil data does not use a sensitivity network.
            find_unused_parameters=has_unused_weights,
        )
    return pl.Trainer(
        accelerator="gpu" if cuda else "cpu",
        devices=settings.devices,
        num_nodes=settings.nodes,
        strategy=strategy,
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _processes_exist(settings: TrainingSettings) -> bool:
    """Return whether no process must be started: there is one device, or torchrun or a scheduler started them."""
    launched = "LOCAL_RANK" in os.environ or "SLURM_NTASKS" in os.environ
    return launched or settings.devices * settings.nodes == 1


@contextmanager
def _interrupt_kept() -> Iterator[None]:
    """Raise KeyboardInterrupt where Lightning exits after Ctrl-C."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit:
        # Lightning exits on Ctrl-C.
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None


def _write(
    settings: TrainingSettings,
    network: Network,
    folder: Path,
    stage: Stage,
    data: Data,
    base: Manifest | None,
) -> Manifest:
    """Write the weights of the last stage with their manifest."""
    checkpoint = read_checkpoint(folder / "checkpoints" / stage.name / (BEST if settings.keep == "best" else LAST))
    assert checkpoint is not None
    state = to_half_precision(checkpoint.result) if settings.stored_precision == "float16" else checkpoint.result
    network.load_state_dict(state)
    scores = checkpoint.best.scores if checkpoint.best and settings.keep == "best" else {}
    return write_weights(
        folder,
        state,
        {
            "name": settings.name,
            "network": settings.network["kind"],
            "settings": settings.network_settings,
            "training_data": [*(base.training_data if base else ()), *_training_data(settings, len(data.training))],
            "training": {**_training_record(settings), "start": base and f"{base.name}, SHA-256 {base.sha256}"},
            "scores": {f"{name} validation": value for name, value in scores.items()},
            "licence": settings.licence,
            "measurements": _measurements(settings, network.eval(), stage, data.validation),
            "scan_statistics": _scan_statistics(data.training) if stage.objective.compares_images else None,
            "reference_output": reference_output(network.eval()),
        },
    )


def _measurements(
    settings: TrainingSettings, network: Network, stage: Stage, validation: Examples | None
) -> dict[str, Any]:
    """Return what the objective of the last stage measures on the validation images."""
    judge = supervision(settings)
    examples = () if validation is None else (validation[index] for index in range(len(validation)))
    batches = (SupervisedBatch(judge.batch([(0, example)]), judge) for example in examples)
    return stage.objective.measurements(network, batches)


def _training_data(settings: TrainingSettings, images: int) -> tuple[TrainingData, ...]:
    if settings.training_data:
        return settings.training_data
    sources = settings.data.sources or settings.data.training
    count = images if len(sources) == 1 else None
    return tuple(
        TrainingData(name=Path(source.path).name or source.path, licence="not stated", images=count)
        for source in sources
    )


def _scan_statistics(examples: Examples) -> ScanStatistics | None:
    """Return statistics of the training scans; None where there are too few examples."""
    if len(examples) < FEWEST_SCANS:
        return None
    try:
        return scan_statistics_of_examples(examples, _STATISTICS_EXAMPLES)
    except InputError:
        # Too few subjects or calibration lines.
        return None


def _training_record(settings: TrainingSettings) -> dict[str, Any]:
    """Return the settings for the manifest, without the user's folders and what the manifest holds elsewhere."""
    record = settings.model_dump(
        mode="json", exclude={"network", "name", "licence", "training_data", *_COMPUTER_SETTINGS}
    )
    record["data"] = _without_folders(record["data"])
    return record


def _without_folders(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: Path(each).name if key == "path" else _without_folders(each) for key, each in value.items()}
    return [_without_folders(each) for each in value] if isinstance(value, list | tuple) else value


def _require_lightning() -> None:
    missing = [name for name in ("pytorch_lightning", "tensorboard") if find_spec(name) is None]
    if missing:
        raise InputError(
            f"Training needs the package '{missing[0]}', which is not installed; pip install 'fourfold[train]'."
        )
