"""`fourfold compare`: several methods on one slice, scored."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from fourfold.cli.computer import FrameComputer, FrameComputerOptions
from fourfold.cli.console import print_json, print_table, progress_bar
from fourfold.cli.files import FormatOptions, check_output, frames_in_words, select_frames
from fourfold.cli.flags import DATA, METHODS, OUTPUT, Flag, SettingsFile
from fourfold.errors import InputError
from fourfold.formats import load_image, open_scan
from fourfold.methods.method import Method
from fourfold.methods.registry import find_method, quick_methods
from fourfold.methods.registry import methods as known_methods
from fourfold.report import write_report
from fourfold.sampling import SamplingOptions, read_sampling, undersample
from fourfold.scan import Reconstruction, Sampling, Scan
from fourfold.studies import compare as compare_methods
from fourfold.studies.compare import series_left_out
from fourfold.studies.reference import Reference

__all__ = ["PATTERN", "compare", "settings_of", "settings_type"]

PATTERN = Group("Sampling pattern", sort_key=2)


def settings_type(_: str | None) -> Any:
    """Return a type with a field for each method that has settings: they become ``--tv.weight`` and the like."""
    return settings_of(known_methods().values())


def settings_of(kinds: Iterable[type[Method]]) -> Any:
    """Return a type with a field for each of some methods that has settings."""
    fields = [
        (method.name.replace("-", "_"), method, dataclasses.field(default=method()))
        for method in kinds
        if method.model_fields
    ]
    # Without a module of ours, the library takes the type for one of Python's own.
    kind = dataclasses.make_dataclass("MethodSettings", fields, frozen=True, namespace={"__module__": __name__})
    return Annotated[kind | None, Parameter(name="*", group=Group("Settings of the methods", sort_key=9))]


def compare(
    file: Path,
    /,
    *names: str,
    methods: Annotated[list[str] | None, Parameter(group=METHODS)] = None,
    method_settings: Any = None,
    frames: Annotated[str | None, Parameter(alias="--frame", group=DATA)] = None,
    format_options: Annotated[FormatOptions | None, Parameter(name="*", group=DATA)] = None,
    reference: Annotated[Reference | None, Parameter(group=DATA)] = None,
    reference_file: Annotated[Path | None, Parameter(group=DATA)] = None,
    pattern: Annotated[str | None, Parameter(group=PATTERN)] = None,
    acceleration: Annotated[float | None, Parameter(group=PATTERN)] = None,
    seed: Annotated[int, Parameter(group=PATTERN)] = 0,
    details: Annotated[SamplingOptions | None, Parameter(name="*", group=PATTERN)] = None,
    mask: Annotated[Path | None, Parameter(group=PATTERN)] = None,
    metrics: Annotated[list[str] | None, Parameter(group=OUTPUT)] = None,
    report: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    force: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    computer: FrameComputerOptions = FrameComputer(),  # noqa: B008  # frozen
    settings: SettingsFile = None,
) -> None:
    """Reconstruct one slice or series with several methods and score them against the fully sampled data.

    The data is undersampled by a pattern, 4× at random with 8 % of the lines at the centre by default.
    A file that is undersampled already is reconstructed as it is; without a reference there are then no scores.
    Methods that the data does not suit are listed with the reason.

    For example:

        fourfold compare knee.h5 tv wavelet --report knee.html

        fourfold compare knee.h5 --pattern regular --acceleration 4 --lines 24 --tv.weight 0.002

        fourfold compare cine.npz kt-tv low-rank-sparse --pattern kt-interleaved --acceleration 8

        fourfold compare knee.h5 --settings methods.yaml

    where `methods.yaml` holds lines such as `methods: [tv, wavelet]` and `tv: {weight: 0.002}`.

    Parameters
    ----------
    file
        Raw k-space, fully sampled for scores.
    names
        Names of the methods; unless given all that suit the number of frames and take seconds, not minutes.
    methods
        The names as an option, for settings files: separated by commas.
    frames
        One frame (3) or a range without its end (2:5), counted from 0; the middle one unless given, and all for
        methods that are named and work on series.
    reference
        How the reference is made: rss (root-sum-of-squares, the default) or matched (sensitivity-weighted).
    reference_file
        Image to score against instead, in the units of the reconstructions: NIfTI, DICOM, or a folder of DICOM files.
        It is turned to the axes of the scan where the place of both is known.
    pattern
        random, equispaced, gaussian, regular, poisson-disc, regular-2d or kt-interleaved.
    acceleration
        Grid points over acquired ones, 4 unless given.
    seed
        Seed of what is drawn at random.
    mask
        Take the pattern from this file instead.
    metrics
        Scores to compute, separated by commas; all that suit the images unless given.
    report
        HTML page to write, with images, error maps and provenance.
    json
        Print everything but the pixels on stdout as JSON, and nothing else there.
    force
        Replace files that exist.
    """
    volume = open_scan(file, **(format_options or {}))
    if report is not None:
        check_output(report, (".html",), (volume.path, mask, (format_options or {}).get("trajectory"), settings), force)
    computer.set_up()
    named = _names((*names, *(methods or ())))
    chosen = _with_settings(named, method_settings)
    series = bool(named) and any(method.scope == "series" for method in chosen)
    indices = _frames(frames, len(volume), series)
    scan = volume.load(slice(indices.start, indices.stop, indices.step))
    sampling = _sampling(scan, pattern, acceleration, seed, details or {}, mask)
    left_out: tuple[tuple[str, str], ...] = ()
    if not named:
        undersampled = scan if sampling is None else scan.with_sampling(sampling)
        chosen, left_out = [method for method in chosen if method.suits(undersampled)], series_left_out(undersampled)
    with progress_bar() as show:
        comparison = compare_methods(
            scan.to(computer.device),
            chosen,
            sampling,
            _names(metrics or ()) or None,
            reference if reference_file is None else _read_reference(reference_file, reference, indices, len(volume)),
            progress=show,
            workers=computer.workers,
        )
    comparison = dataclasses.replace(comparison, failures=(*left_out, *comparison.failures))
    if report is not None:
        words = f", {frames_in_words(indices, len(volume))}" if len(volume) > 1 else ""
        write_report(comparison, report, f"Comparison on {file.name}{words}", replace=force)
    if json:
        print_json(comparison.to_json())
    else:
        print_table(comparison.render())


def _read_reference(path: Path, made: Reference | None, indices: range, count: int) -> Reconstruction:
    """Return the image in a file; of one whose place is not known, the frames that are compared."""
    if made is not None:
        raise InputError(
            f"Both a way to make the reference, '{made}', and the file '{path}' were given; give one of them."
        )
    image = load_image(path)
    if image.geometry.placements or len(image.image) != count:
        return image
    return dataclasses.replace(
        image,
        image=image.image[list(indices)],
        geometry=image.geometry.select(indices),
        labels=image.labels.select(indices),
    )


def _frames(frames: str | None, count: int, series: bool) -> range:
    """Return the frames that were asked for, else the whole `series`, else the middle frame."""
    return range(count // 2, count // 2 + 1) if frames is None and not series else select_frames(frames, count)


def _names(texts: Iterable[str]) -> list[str]:
    """Return the names in texts that may each hold several, separated by commas; each name once."""
    return list(dict.fromkeys(name.strip() for text in texts for name in text.split(",")))


def _with_settings(names: Sequence[str], method_settings: Any) -> list[Method]:
    """Return the methods called `names`, all fast ones without any, with their `method_settings`."""
    kinds = [find_method(name) for name in names] or quick_methods().values()
    return [getattr(method_settings, kind.name.replace("-", "_"), None) or kind() for kind in kinds]


def _sampling(
    scan: Scan, kind: str | None, acceleration: float | None, seed: int, details: SamplingOptions, mask: Path | None
) -> Sampling | None:
    """Return the pattern that was asked for, or None where nothing was and the scan is undersampled as acquired."""
    asked = kind is not None or acceleration is not None or bool(details)
    if mask is not None and asked:
        raise InputError("Both a mask file and a sampling pattern were given; give one of them.")
    if mask is not None:
        return read_sampling(mask, scan.shape, scan.line_axis)
    if not asked and not scan.fully_sampled:
        return None
    return undersample(scan, kind or "random", acceleration or 4.0, seed=seed, **details).sampling
