"""Trains a network from settings, stage by stage, and writes its weights."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
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
from fourfold.networks.build import Reconstructor, build
from fourfold.training.checkpoint import BEST, LAST, Checkpoint, read_checkpoint
from fourfold.training.lightning_messages import quiet
from fourfold.training.progress_relay import relayed
from fourfold.training.scan_statistics import scan_statistics_of_examples
from fourfold.training.settings import TrainingSettings
from fourfold.training.stages import Stage, plan
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
# Where the work is done changes nothing in what is trained.
_PLACES = ("device", "devices", "nodes", "workers")
# Of so many examples the manifest tells which scans the weights are for.
_STATISTICS_EXAMPLES = 120


def train(
    settings: TrainingSettings, folder: str | PathLike[str], *, resume: bool = True, progress: Progress | None = None
) -> Manifest:
    """Train a network from its initial weights, and write a folder of weights.

    The folder then holds ``weights.safetensors`` and ``manifest.json``, ``settings.yaml``, in ``checkpoints/`` the last
    and the best state of every stage, and the log: ``losses.csv``, ``scores.csv`` and ``tensorboard/``.

    Parameters
    ----------
    settings
        What is trained, on what, and how.
    folder
        Is made; one that holds an unfinished training with the same settings is gone on with, from its last checkpoint,
        to the same weights on a CPU as if it had never stopped.
    resume
        Refuse a folder with a training in it instead.
    progress
        Called with the done fraction and a few words; only where one process trains.

    Raises
    ------
    InputError
        When the data or the folder does not suit, Lightning is not installed, or the loss is not finite: the training
        then stops, says when and for which examples, and keeps its last checkpoint.
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
    """Train on from weights, with settings of its own.

    Parameters
    ----------
    weights
        The name of weights that ship, a folder of weights, or ``hf://owner/name``.
    settings, folder, resume, progress
        As in `train`; the network must be that of the weights.

    Raises
    ------
    InputError
        As in `train`, and where the weights are of another network.
    """
    return _train(settings, Path(folder), find_weights(str(weights)), resume, progress)


def _train(
    settings: TrainingSettings, folder: Path, start: Path | None, resume: bool, progress: Progress | None
) -> Manifest:
    _require_lightning()
    from fourfold.training.task import Data

    network = build(settings.network["kind"], settings.network_settings)
    base: Manifest | None = None
    if start is not None:
        state, base = read_weights(start)
        load_state(network, state, base.name)
    asked = settings.data.split.validation if settings.data.sources else settings.data.validation
    validation = validation_set(settings.data, settings.seed) if asked else None
    data = Data(training_set(settings.data, settings.seed), validation)
    if validation is None and settings.keep == "best":
        raise InputError("There is no data for validation to tell the best weights by; give some, or set 'keep: last'.")
    _claim(folder, settings, base, resume)
    stages = plan(settings, network, len(data.training))
    for stage in stages:
        done = _finished(stage, folder)
        if done is None:
            _fit(network, stage, settings, data, folder, stages[-1], progress)
            done = read_checkpoint(folder / "checkpoints" / stage.name / LAST)
        assert done is not None
        network.load_state_dict(done.written)
    return _write(settings, network, folder, stages[-1], data, base)


def is_finished(settings: TrainingSettings, folder: Path, weights: Path | None = None) -> bool:
    """Return whether a folder holds the weights of this training, begun from a folder of `weights` where given.

    Raises
    ------
    InputError
        When the folder holds another training.
    """
    if not (folder / MANIFEST).exists():
        return False
    _claim(folder, settings, None if weights is None else read_manifest(weights), resume=True)
    return True


def _claim(folder: Path, settings: TrainingSettings, base: Manifest | None, resume: bool) -> None:
    """Write the settings into the folder, or compare them with those of the training in it."""
    path = folder / _SETTINGS
    content = settings.model_dump(mode="json")
    if base is not None:
        content["start"] = f"{base.name} {base.sha256}"
    if not path.exists():
        if any((folder / name).exists() for name in (WEIGHTS, MANIFEST)):
            raise InputError(f"'{folder}' holds weights that no training here has written: name another folder.")
        folder.mkdir(parents=True, exist_ok=True)
        # Of two trainings that claim the folder at once, one is refused.
        with atomically(path, ".yaml", replace=False) as file:
            write_text(file, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
        return
    found = read_settings(path)
    differing = [name for name in content | found if name not in _PLACES and content.get(name) != found.get(name)]
    if differing or not resume:
        how = f" with other settings ({', '.join(differing)})" if differing else ""
        raise InputError(f"'{folder}' holds a training{how}; name another folder, or remove this one.")


def _finished(stage: Stage, folder: Path) -> Checkpoint | None:
    """Return the last checkpoint of a stage, if it has come to its end."""
    found = read_checkpoint(folder / "checkpoints" / stage.name / LAST)
    return found if found is not None and found.step == stage.steps else None


def _fit(
    network: Reconstructor,
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
    shown = nullcontext(progress) if _started_outside(settings) else relayed(progress)
    with quiet(), _own_errors(), shown as show:
        task = Task(network, stage, settings, data, folder, resumed, total, show)
        _trainer(settings, network.estimates_maps).fit(task)


def _trainer(settings: TrainingSettings, has_idle_parts: bool) -> Any:
    """Return Lightning's trainer for where the work is done; validation, log and checkpoints are our own."""
    import pytorch_lightning as pl
    from pytorch_lightning.strategies import DDPStrategy

    cuda = settings.device == "cuda" or (settings.device == "auto" and torch.cuda.is_available())
    if cuda and not torch.cuda.is_available():
        raise InputError("The device 'cuda' was asked for but torch finds none; set 'device: cpu'.")
    strategy: Any = "auto"
    if settings.devices * settings.nodes > 1:
        strategy = DDPStrategy(
            start_method="popen" if _started_outside(settings) else "spawn",
            process_group_backend="nccl" if cuda else "gloo",
            # A sensitivity network is not used by data of one coil.
            find_unused_parameters=has_idle_parts,
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


def _started_outside(settings: TrainingSettings) -> bool:
    """Return whether there is a process for each device already, or one device needs none: torchrun, a scheduler."""
    launched = "LOCAL_RANK" in os.environ or "SLURM_NTASKS" in os.environ
    return launched or settings.devices * settings.nodes == 1


@contextmanager
def _own_errors() -> Iterator[None]:
    """Give an InputError of a worker or another process back as itself, and an interruption as one."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit:
        # Lightning's answer to Ctrl-C.
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None
    except Exception as error:
        found = re.search(r"InputError: ([^\n]+)\s*\Z", str(error))
        if found is None:
            raise
        raise InputError(found[1]) from None


def _write(
    settings: TrainingSettings,
    network: Reconstructor,
    folder: Path,
    stage: Stage,
    data: Data,
    base: Manifest | None,
) -> Manifest:
    """Write the weights of the last stage with their manifest."""
    chosen = read_checkpoint(folder / "checkpoints" / stage.name / (BEST if settings.keep == "best" else LAST))
    assert chosen is not None
    state = to_half_precision(chosen.written) if settings.stored_precision == "float16" else chosen.written
    network.load_state_dict(state)
    scores = chosen.best.scores if chosen.best and settings.keep == "best" else {}
    return write_weights(
        folder,
        state,
        {
            "name": settings.name,
            "network": settings.network["kind"],
            "settings": settings.network_settings,
            "training_data": [*(base.training_data if base else ()), *_training_data(settings, len(data.training))],
            "training": {**_told(settings), "start": base and f"{base.name}, SHA-256 {base.sha256}"},
            "scores": {f"{name} validation": value for name, value in scores.items()},
            "licence": settings.licence,
            "scan_statistics": _scan_statistics(data.training),
            "reference_output": reference_output(network.eval()),
        },
    )


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
    """Return which scans the weights are for; None where there are too few examples to tell."""
    if len(examples) < FEWEST_SCANS:
        return None
    try:
        return scan_statistics_of_examples(examples, _STATISTICS_EXAMPLES)
    except InputError:
        # Too few subjects, or calibration lines that show nothing.
        return None


def _told(settings: TrainingSettings) -> dict[str, Any]:
    """Return the settings without the network's, which stand beside them, and without the user's folders."""
    told = settings.model_dump(mode="json", exclude={"network", "name", "licence", "training_data", *_PLACES})
    told["data"] = _without_folders(told["data"])
    return told


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
