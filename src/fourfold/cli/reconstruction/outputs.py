"""Outputs of `fourfold recon`: their names, and whether they may be replaced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fourfold.cli.console import print_note
from fourfold.cli.files import FormatOptions, check_output
from fourfold.cli.reconstruction.preparation import Preparation
from fourfold.formats import ScanFile
from fourfold.formats.stacks import find_stacks
from fourfold.formats.writing import check_image, image_paths

if TYPE_CHECKING:
    # They load torch, which the help does not need.
    from fourfold.cli.reconstruction.resumable_run import ResumableRun
    from fourfold.methods.method import Method

__all__ = ["Replacement", "image_files", "run_inputs"]


@dataclass(frozen=True)
class Replacement:
    """Which outputs that exist may be replaced."""

    inputs: Iterable[Path | None]
    """Files that the command reads, which are never replaced."""
    force: bool
    """Whether all others may be."""
    earlier: ResumableRun | None
    """The same command, ended before, whose unchanged outputs may be."""

    def allowed(self, paths: Sequence[Path], suffixes: Sequence[str]) -> bool:
        """Return whether outputs may be replaced; raises InputError where one exists and may not, or is an input."""
        written = [self.earlier is not None and self.earlier.wrote(path) for path in paths]
        for path, written_before in zip(paths, written, strict=True):
            check_output(path, suffixes, self.inputs, self.force or written_before)
        return self.force or any(written)


def image_files(output: Path, volume: ScanFile, chosen: range, **options: Any) -> list[Path]:
    """Return the files of an image, and print which they are where the frames are no single stack.

    Raises
    ------
    InputError
        Where the format cannot hold the image, or does not have one of the `options` of `save`.
    """
    geometry, labels = volume.geometry(chosen), volume.labels(chosen)
    check_image(output, geometry, len(chosen), **options)
    paths = image_paths(output, geometry, labels, len(chosen), **options)
    stacks = len(find_stacks(geometry, labels, len(chosen))) if len(paths) > 1 else 1
    if stacks > 1:
        print_note(
            f"The {len(chosen)} frames are not one stack of parallel, equidistant slices but {stacks} stacks; "
            f"each is written to a file of its own, {paths[0].name} to {paths[stacks - 1].name}."
        )
    return paths


def run_inputs(
    volume: ScanFile, solver: Method, prepare: Preparation, format_options: FormatOptions | None, chosen: range
) -> dict[str, Any]:
    """Return all that decides on the images but the samples."""
    return {
        "file": str(volume.path.resolve()),
        "method": solver.name,
        "settings": solver.model_dump(mode="json"),
        "preparation": asdict(prepare),
        "format": dict(format_options or {}),
        "frames": list(chosen),
    }
