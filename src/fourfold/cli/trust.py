"""`fourfold trust`: how far to believe a method's image of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from fourfold.cli.computer import Computer, ComputerOptions
from fourfold.cli.console import print_json, print_line, print_note, print_table, progress_bar
from fourfold.cli.files import FormatOptions, check_output, frames_in_words, select_frames
from fourfold.cli.flags import DATA, METHODS, OUTPUT, Flag, MethodName, SettingsFile
from fourfold.cli.recon import settings_type
from fourfold.cli.reconstruction.preparation import Preparation
from fourfold.formats import open_scan

__all__ = ["settings_type", "trust"]


def trust(
    file: Path,
    /,
    *,
    method: MethodName = None,
    method_settings: Any = None,
    parts: Annotated[list[str] | None, Parameter(group=METHODS)] = None,
    seed: Annotated[int, Parameter(group=METHODS)] = 0,
    frames: Annotated[str | None, Parameter(alias="--frame", group=DATA)] = None,
    format_options: Annotated[FormatOptions | None, Parameter(name="*", group=DATA)] = None,
    prepare: Annotated[Preparation, Parameter(name="*", group=DATA)] = Preparation(),  # noqa: B008  # frozen
    report: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    force: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    computer: ComputerOptions = Computer(),  # noqa: B008  # frozen
    settings: SettingsFile = None,
) -> None:
    """Say how far to believe a method's image of undersampled data, without a reference.

    Samples are held back and predicted, noise is added as a probe, and the image is moved and measured again: up to six
    more reconstructions, and two of total variation for methods that are not classical. Each part is printed with what
    it assumes. A sentence says when the image should not be trusted.

    For example:

        fourfold trust knee.h5 --method varnet --report trust.html

    Parameters
    ----------
    file
        Raw k-space, undersampled.
    method
        Name of the method; the one that `recon` would choose unless given.
    parts
        Names of the parts, separated by commas; all unless given: held-back error, measured error, bootstrap std,
        members' std, null component, coverage.
    seed
        Seed of what is drawn at random.
    frames
        One frame (3) or a range without its end (2:5), counted from 0; the middle one unless given, and all for methods
        for series.
    report
        HTML page to write, with the image, the parts and their maps.
    json
        Print all but the maps on stdout as JSON, and nothing else there.
    force
        Replace a file that exists.
    """
    # Loads torch, which the help does not need.
    from fourfold.confidence.choose import choose_method
    from fourfold.confidence.trust import trust as trust_of
    from fourfold.methods.registry import find_method
    from fourfold.report import write_report

    volume = open_scan(file, **(format_options or {}))
    if report is not None:
        inputs = (volume.path, *prepare.files, (format_options or {}).get("trajectory"), settings)
        check_output(report, (".html",), inputs, force)
    computer.set_up()
    named = None if method is None else method_settings or find_method(method)()
    middle = len(volume) // 2
    series = named is not None and named.scope == "series"
    indices = range(middle, middle + 1) if frames is None and not series else select_frames(frames, len(volume))
    scan = prepare(volume.load(slice(indices.start, indices.stop, indices.step))).to(computer.device)
    with progress_bar() as show:
        if named is None:
            choice = choose_method(scan, seed=seed, progress=show)
            named = choice.method
            print_note(f"The method '{named.name}' was chosen: {choice.reason}.")
        names = [name.strip() for text in parts for name in text.split(",")] if parts else None
        found = trust_of(named, scan, names, seed=seed, progress=show)
    if report is not None:
        words = f", {frames_in_words(indices, len(volume))}" if len(volume) > 1 else ""
        title = f"How far to believe '{named.name}' on {volume.path.name}{words}"
        write_report([found.reconstruction], report, title, scan=scan, trusts=[found], replace=force)
    if json:
        print_json(found.summary())
    else:
        print_table(found.render())
        print_line(f"{found.reconstructions} reconstructions beside the image, {found.seconds:.1f} s")
    for sentence in found.warnings:
        print_note(sentence)
