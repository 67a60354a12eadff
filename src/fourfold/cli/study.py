"""`fourfold study`: published studies on the user's data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from fourfold.cli.cases import cases_of
from fourfold.cli.compare import PATTERN, settings_of
from fourfold.cli.computer import FrameComputer, FrameComputerOptions
from fourfold.cli.files import PAGES, FormatOptions, check_folder
from fourfold.cli.flags import DATA, OUTPUT, Flag, SettingsFile
from fourfold.cli.study_run import carry_out
from fourfold.discovery import studies_with_settings
from fourfold.errors import InputError, nearest
from fourfold.methods.method import Method
from fourfold.sampling import SamplingOptions
from fourfold.studies.convdecoder import SUBJECT, ConvDecoderStudy, study_methods
from fourfold.studies.reference import Reference
from fourfold.studies.scan_set import Design

__all__ = ["settings_type", "study"]

FITS = Group("Untrained networks", sort_key=0)


def settings_type(_: str | None) -> Any:
    """Return a type with a field for each of the study's methods: ``--convdecoder.channels`` and the like."""
    return settings_of(study_methods())


def study(
    preset: str,
    /,
    *data: Path,
    members: Annotated[int | None, Parameter(group=FITS)] = None,
    iterations: Annotated[int | None, Parameter(group=FITS)] = None,
    time_budget: Annotated[float | None, Parameter(group=FITS)] = None,
    method_settings: Any = None,
    frames: Annotated[str | None, Parameter(alias="--frame", group=DATA)] = None,
    crop: Annotated[tuple[int, int] | None, Parameter(group=DATA)] = None,
    format_options: Annotated[FormatOptions | None, Parameter(name="*", group=DATA)] = None,
    reference: Annotated[Reference, Parameter(group=DATA)] = "rss",
    pattern: Annotated[str, Parameter(group=PATTERN)] = "random",
    acceleration: Annotated[float, Parameter(group=PATTERN)] = 4.0,
    seed: Annotated[int, Parameter(group=PATTERN)] = 0,
    details: Annotated[SamplingOptions | None, Parameter(name="*", group=PATTERN)] = None,
    output: Annotated[Path, Parameter(alias="-o", group=OUTPUT)] = Path("fourfold-study"),
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    computer: FrameComputerOptions = FrameComputer(),  # noqa: B008  # frozen
    settings: SettingsFile = None,  # noqa: ARG001  # read before
) -> None:
    """Repeat a published study on your fully sampled data: tables, figures and a page.

    `convdecoder` (Darestani & Heckel, ISMRM 2021) undersamples every scan, reconstructs it with total variation, Deep
    Decoder, Deep Image Prior and ConvDecoder, and with trained networks where there are some, and scores the images
    with and without the data-consistency step, and ensembles against their members.

    The folder of the output then holds `index.html`, `figure-2.png` and its like, `scores.csv`, `scores.json`, and in
    `finished/` every reconstruction. The same command reuses these results where data and settings are the
    same: it resumes an interrupted study, and reconstructs only new scans.

    The other studies take a settings file; see `fourfold study transfer --help` and its like.

    For example:

        fourfold study convdecoder knee/ brain/ -o study --members 10 --crop 320 320

        fourfold study convdecoder brain/*.npz --frames 3:6 --time-budget 60 --convdecoder.channels 128

    Parameters
    ----------
    preset
        Name of the study: convdecoder.
    data
        Fully sampled files, or folders of them; files in one folder are one data set.
    members
        Networks in each ensemble.
    iterations
        Largest number of iterations of each member.
    time_budget
        Seconds for the fit of all members, for each image; they decide how many there are.
    frames
        Of each file: one frame (3) or a range without its end (2:5; : for all); the middle one unless given.
    crop
        Score and show the central rows and columns alone, for example --crop 320 320.
    reference
        How the reference is made: rss (root-sum-of-squares) or matched (sensitivity-weighted).
    pattern
        random, equispaced, gaussian, regular, poisson-disc or regular-2d.
    acceleration
        Number of grid points divided by the number of acquired ones.
    seed
        Random seed.
    output
        Output folder; finished results in it are reused.
    json
        Print everything but the pixels on stdout as JSON, and nothing else there.
    """
    with_settings_file = tuple(studies_with_settings())
    known = (SUBJECT, *with_settings_file)
    if preset not in known:
        raise InputError(f"There is no study '{preset}'; there are {', '.join(known)}.{nearest(preset, known)}")
    if preset in with_settings_file:
        raise InputError(f"The study '{preset}' takes a settings file after its name: fourfold study {preset} FILE.")
    check_folder(output, PAGES)
    computer.set_up()
    design = Design(pattern, acceleration, seed, details or SamplingOptions(), reference, crop)
    chosen = list(_methods({"members": members, "iterations": iterations, "time_budget": time_budget}, method_settings))
    cases = list(cases_of(data, frames, format_options or FormatOptions()))
    carry_out(lambda: ConvDecoderStudy(cases, chosen, design, computer.device), output, computer.workers, json)


def _methods(shared: dict[str, Any], method_settings: Any) -> Iterator[Method]:
    """Yield the study's methods; a setting of one method takes precedence over one for all."""
    given = {name: value for name, value in shared.items() if value is not None}
    for kind in study_methods():
        chosen = getattr(method_settings, kind.name.replace("-", "_"), None)
        for_all = given if kind.family == "untrained" else {}
        yield kind(**{**for_all, **(chosen.model_dump(exclude_unset=True) if chosen else {})})
