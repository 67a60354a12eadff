"""`fourfold compare`: several methods on one slice, scored."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from fourfold.cli.cases import cases_of
from fourfold.cli.computer import FrameComputer, FrameComputerOptions
from fourfold.cli.console import print_json, print_note, print_table, progress_bar
from fourfold.cli.files import PAGES, FormatOptions, check_folder, check_output, frames_in_words, select_frames
from fourfold.cli.flags import DATA, METHODS, OUTPUT, Flag, SettingsFile
from fourfold.cli.statistics_options import StatisticsOptions, choices_of
from fourfold.cli.study_run import carry_out
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
from fourfold.studies.many_scans import ManyScans
from fourfold.studies.reference import Reference
from fourfold.studies.scan_set import Design

__all__ = ["PATTERN", "compare", "settings_of", "settings_type"]

PATTERN = Group("Sampling pattern", sort_key=2)
MANY = Group("Several files", sort_key=2)
MANY_FOLDER = Path("fourfold-comparison")


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
    trust: Annotated[bool | None, Parameter(group=OUTPUT)] = None,
    subject: Annotated[str | None, Parameter(group=MANY)] = None,
    crop: Annotated[tuple[int, int] | None, Parameter(group=MANY)] = None,
    tests: StatisticsOptions | None = None,
    output: Annotated[Path | None, Parameter(alias="-o", group=OUTPUT)] = None,
    report: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    force: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    computer: FrameComputerOptions = FrameComputer(),  # noqa: B008  # frozen
    settings: SettingsFile = None,
) -> None:
    """Reconstruct a slice, a series or many files with several methods and score them against the fully sampled data.

    The data is undersampled by a pattern, 4× at random with 8 % of the lines at the centre by default.
    A file that is undersampled already is reconstructed as it is. Without a reference there are then no scores, and the
    methods are ranked by samples that are held back from them, with the probability that the ranking is right.
    Methods that the data does not suit are listed with the reason.

    With several files, of each the middle frame (or `--frames`), the folder `--output` holds a page with scores and
    statistics over subjects, as CSV and JSON too. The same command resumes an interrupted comparison.

    For example:

        fourfold compare knee.h5 tv wavelet --report knee.html

        fourfold compare knee.h5 --pattern regular --acceleration 4 --lines 24 --tv.weight 0.002

        fourfold compare cine.npz kt-tv low-rank-sparse --pattern kt-interleaved --acceleration 8

        fourfold compare heads/a.h5 heads/b.h5 heads/c.h5 zero-filled tv -o comparison

        fourfold compare knee.h5 --settings methods.yaml

    where `methods.yaml` holds lines such as `methods: [tv, wavelet]` and `tv: {weight: 0.002}`.

    Parameters
    ----------
    file
        Raw k-space, fully sampled for scores.
    names
        Further files, and names of the methods; unless given all methods that suit the number of frames and take
        seconds, not minutes.
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
        Scores to compute, separated by commas; all that suit the images unless given, but for object-psnr and
        object-ssim, which leave the air out.
    trust
        Say how far to believe each image, which takes six more reconstructions of each; `--no-trust` leaves out the
        ranking by held-back samples too.
    subject
        Regular expression that finds the subject in a file's name, for example 'sub-[0-9]+'; each file is a subject
        of its own unless given.
    crop
        Score and show the central rows and columns alone, for example --crop 320 320.
    output
        Folder for the results of several files; fourfold-comparison unless given.
    report
        HTML page to write for a single file, with images, error maps and provenance.
    json
        Print everything but the pixels on stdout as JSON, and nothing else there.
    force
        Replace files that exist.
    """
    further, words = _files_and_names(names)
    named = _names((*words, *(methods or ())))
    if further:
        if report is not None:
            raise InputError("A report shows one file; several files have a page in a folder: name it with --output.")
        if mask is not None:
            raise InputError("A mask from a file suits one size; for several files describe a pattern (--pattern).")
        if reference_file is not None:
            raise InputError("A reference from a file suits one scan; for several files leave it out.")
        if trust:
            raise InputError("--trust is for one file; for several run fourfold trust on each.")
        folder, wanted = output or MANY_FOLDER, _names(metrics or ()) or None
        check_folder(folder, PAGES)
        computer.set_up()
        design = Design(
            pattern or "random", acceleration or 4.0, seed, details or SamplingOptions(), reference or "rss", crop
        )
        many = _with_settings(named, method_settings)
        cases = list(cases_of([file, *further], frames, format_options or FormatOptions(), subject))
        make = partial(ManyScans, cases, many, wanted, design, choices_of(tests), computer.device)
        carry_out(make, folder, computer.workers, json)
        return
    _refuse_options_of_many({"subject": subject, "crop": crop, "output": output, **(tests or {})})
    volume = open_scan(file, **(format_options or {}))
    if report is not None:
        check_output(report, (".html",), (volume.path, mask, (format_options or {}).get("trajectory"), settings), force)
    computer.set_up()
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
            trust=trust,
            seed=seed,
        )
    comparison = dataclasses.replace(comparison, failures=(*left_out, *comparison.failures))
    if report is not None:
        shown = f", {frames_in_words(indices, len(volume))}" if len(volume) > 1 else ""
        write_report(comparison, report, f"Comparison on {file.name}{shown}", replace=force)
    if json:
        print_json(comparison.to_json())
    else:
        print_table(comparison.render())
        for entry in comparison.entries:
            if entry.trust is not None:
                print_table(entry.trust.render())
    for sentence in dict.fromkeys(sentence for entry in comparison.entries for sentence in entry.warnings):
        print_note(sentence)


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


def _files_and_names(words: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Return the files and the methods' names among words; what is no method and looks like a path is a file."""
    paths = [
        word for word in words if word not in known_methods() and (os.sep in word or "." in word or Path(word).exists())
    ]
    return list(map(Path, paths)), [word for word in words if word not in paths]


def _refuse_options_of_many(given: Mapping[str, Any]) -> None:
    """Raise InputError for an option that only several files take."""
    name = next((name for name, value in given.items() if value is not None), None)
    if name is not None:
        flag = f"--{name.replace('_', '-')}"
        raise InputError(f"{flag} is for comparisons on several files; give more files, or leave it out.")


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
