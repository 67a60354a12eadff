"""`fourfold calibrate`: learns intervals of stated coverage for a method from fully sampled scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter
from rich.box import SIMPLE_HEAD
from rich.table import Table

from fourfold.cli.computer import FrameComputer, FrameComputerOptions
from fourfold.cli.console import print_json, print_line, print_note, print_table, progress_bar
from fourfold.cli.files import check_output
from fourfold.cli.flags import DATA, OUTPUT, Flag, MethodName, SettingsFile
from fourfold.cli.recon import settings_type
from fourfold.errors import InputError
from fourfold.files.output import atomically, write_text
from fourfold.intervals.calibration import Calibration, check_name
from fourfold.sampling.options import SamplingOptions

__all__ = ["calibrate", "settings_type"]

PATTERN = Group("Sampling pattern", sort_key=2)
SIMULATION = Group("Simulation from images", sort_key=2)
PROMISE = Group("What is promised", sort_key=1)


def calibrate(
    *files: Path,
    output: Annotated[Path, Parameter(alias="-o", group=OUTPUT)],
    subjects: Annotated[str, Parameter(group=DATA)],
    method: MethodName = None,
    method_settings: Any = None,
    learn_on: Annotated[list[str] | None, Parameter(group=DATA)] = None,
    test_on: Annotated[list[str] | None, Parameter(group=DATA)] = None,
    description: Annotated[str, Parameter(group=DATA)] = "",
    slices: Annotated[int, Parameter(group=DATA)] = 4,
    crop: Annotated[tuple[int, int] | None, Parameter(group=DATA)] = None,
    coverage: Annotated[float, Parameter(group=PROMISE)] = 0.9,
    procedure: Annotated[Literal["risk-control", "subjects", "rcps"], Parameter(group=PROMISE)] = "risk-control",
    confidence: Annotated[float, Parameter(group=PROMISE)] = 0.9,
    bound_confidence: Annotated[float | None, Parameter(group=PROMISE)] = None,
    pattern: Annotated[list[str] | None, Parameter(group=PATTERN)] = None,
    acceleration: Annotated[list[float] | None, Parameter(group=PATTERN)] = None,
    details: Annotated[SamplingOptions | None, Parameter(name="*", group=PATTERN)] = None,
    coils: Annotated[int, Parameter(group=SIMULATION)] = 8,
    snr: Annotated[tuple[float, float], Parameter(group=SIMULATION)] = (20.0, 60.0),
    seed: Annotated[int, Parameter(group=PATTERN)] = 0,
    report: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    force: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    computer: FrameComputerOptions = FrameComputer(),  # noqa: B008  # frozen
    settings: SettingsFile = None,
) -> None:
    """Learn from fully sampled scans how a method's standard deviations become intervals that hold the truth.

    Scans are undersampled, or simulated from images, and reconstructed. The file that is written serves
    `fourfold recon --intervals`. The statements are of further subjects. Therefore subjects count, not slices: a
    coverage of 0.9 needs at least 9. How well it does is measured on subjects left out: each subject in turn, or those
    of `--test-on`.

    Finished reconstructions are kept in a folder beside the output, NAME-results, from which the same command goes on
    after an interruption, and which another coverage or procedure reuses. Delete it when you are done.

    For example:

        fourfold calibrate heads/*.h5 --subjects '(sub-[0-9]+)' --method diffusion -o heads.json

        fourfold calibrate heads.npz --subjects '^[^:]+' --method diffusion --coverage 0.8 -o heads.json

    Parameters
    ----------
    files
        Fully sampled raw files, or images from which scans are simulated; one kind alone.
    output
        File to write: .json. Its name without suffix is the name of the intervals.
    subjects
        Regular expression whose first match, or first group, in the name of a file (of images: of a slice, where they
        have names) is the subject. One person under two names would make the statements wrong.
    method
        Name of a method that gives a standard deviation.
    learn_on
        Subjects to learn from, separated by commas; all that are not tested on, unless given.
    test_on
        Subjects to test on, separated by commas.
    description
        What the data are, for the file: data set, licence, population.
    slices
        Slices of each subject, evenly spaced.
    crop
        Rows and columns of a central field of view.
    coverage
        Part of the object's pixels that intervals are to hold.
    procedure
        risk-control: of a further subject the intervals hold that part in the mean. subjects: of a further subject they
        hold that part, with the confidence. rcps: as risk-control, with the confidence over the draw of the subjects.
    confidence
        Of the procedures subjects and rcps.
    bound_confidence
        Also learn lower bounds of PSNR and SSIM that hold with this confidence; 0.95 needs 19 subjects.
    pattern
        Patterns, separated by commas, one of which is drawn for each slice; random unless given.
    acceleration
        Acceleration; of several, one is drawn for each slice. 4 unless given.
    coils
        Number of coils.
    snr
        Range of the mean magnitude over the standard deviation of the real part of a coil's noise.
    seed
        Seed of patterns and simulation.
    report
        HTML page to write.
    json
        Print what was learned as JSON, and nothing else on stdout.
    force
        Replace files that exist.
    """
    check_output(output, (".json",), (*files, settings), force)
    if report is not None:
        check_output(report, (".html",), (*files, settings), force)
    check_name(output.stem)
    if method is None:
        raise InputError("No method was named; give one with a standard deviation, such as --method diffusion.")
    if not files:
        raise InputError("No file was given; name fully sampled scans, or images to simulate scans from.")
    # Loads torch, which the help does not need.
    from fourfold.intervals.calibrate import Promise, learn_calibration, split_names
    from fourfold.intervals.observations import observe_all
    from fourfold.intervals.scans import Undersampling, learning_scans
    from fourfold.methods.registry import find_method
    from fourfold.report.intervals import write_calibration_page

    computer.set_up()
    undersampling = Undersampling(
        slices, _names(pattern) or ("random",), tuple(acceleration or (4.0,)), crop, coils, snr, seed
    )
    promise = Promise(coverage, procedure, confidence, bound_confidence)
    learned_from, tested_on = _names(learn_on), _names(test_on)
    scans = learning_scans(files, subjects, undersampling, details, (*learned_from, *tested_on) if learned_from else ())
    # What the subjects do not allow is refused before hours of computing.
    promise.check(len(split_names(scans.subjects, learned_from, tested_on)[0]))
    results = output.with_name(f"{output.stem}-results")
    print_note(f"{len(scans.subjects)} subjects, {len(scans.chosen)} slices: {', '.join(scans.subjects)}.")
    solver = method_settings or find_method(method)()
    try:
        with progress_bar() as show:
            observations = observe_all(solver, scans, results, show, computer.workers, computer.device)
    except KeyboardInterrupt:
        print_note(f"Finished reconstructions are in '{results}'; the same command goes on.")
        raise
    options = {**asdict(undersampling), **(details or {}), "subjects": subjects}
    made = learn_calibration(output.stem, observations, scans, options, promise, learned_from, tested_on, description)
    with atomically(output, ".json", force) as file:
        write_text(file, made.model_dump_json(indent=1) + "\n")
    if report is not None:
        write_calibration_page(made, observations, report, replace=force)
    if json:
        print_json({"output": str(output), **made.model_dump(mode="json")})
    else:
        _print(made, output)


def _names(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names in texts that may each hold several, separated by commas."""
    return tuple(dict.fromkeys(name.strip() for text in texts or () for name in text.split(",")))


def _print(made: Calibration, output: Path) -> None:
    """Print what is promised, and how it did on subjects left out."""
    print_line(f"{output}: half width = {made.factor:.3f} × standard deviation of '{made.method}'.")
    print_line(made.statement)
    for name, bound in made.bounds.items():
        print_line(f"{name}: what members predict less {bound.shift:.3f}, with a confidence of {bound.confidence:g}.")
    if made.results is None:
        print_note("It could not be tested: with one subject less nothing can be promised. Give more subjects.")
        return
    print_line(f"Subjects left out ({made.results.how}):")
    table = Table(box=SIMPLE_HEAD, padding=0)
    table.add_column("")
    table.add_column("value", justify="right")
    for name, value in made.results.rows():
        table.add_row(name, value)
    print_table(table)
