"""Training in several processes that Lightning starts."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.strategies.launchers import _MultiProcessingLauncher
from torch.multiprocessing.spawn import ProcessRaisedException

from fourfold.errors import InputError

__all__ = ["SpawnStrategy"]


class SpawnStrategy(DDPStrategy):
    """Distributed training in spawned processes, which raises an InputError of a process with its type and attributes.

    The parameters are those of `DDPStrategy`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(start_method="spawn", **settings)

    def _configure_launcher(self) -> None:
        self._launcher = _Launcher(self, start_method="spawn")


class _Launcher(_MultiProcessingLauncher):
    """Gets the InputError of a process through a file; torch passes on the text of the traceback alone."""

    def launch(self, function: Callable[..., Any], *args: Any, trainer: Any = None, **kwargs: Any) -> Any:
        """Run the function in all processes."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "error"
            try:
                return super().launch(_ErrorWriter(function, path), *args, trainer=trainer, **kwargs)
            except ProcessRaisedException as error:
                file = path.with_suffix(f".{error.error_pid}")
                if not file.exists():
                    raise
                raise pickle.loads(file.read_bytes()) from None  # written by a process of this training


class _ErrorWriter:
    """A function that writes its InputError into a file, whose suffix is the number of the process."""

    def __init__(self, function: Callable[..., Any], path: Path) -> None:
        self.function, self.path = function, path

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.function(*args, **kwargs)
        except InputError as error:
            self.path.with_suffix(f".{os.getpid()}").write_bytes(pickle.dumps(error))
            raise
