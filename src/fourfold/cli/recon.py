"""`fourfold recon`: from a raw file to an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from fourfold.cli.computer import FrameComputer, FrameComputerOptions
from fourfold.cli.console import print_json, print_line, print_note, print_table, progress_bar
from fourfold.cli.files import FormatOptions, check_output, frames_in_words, image_suffixes_in_words, select_frames
from fourfold.cli.flags import DATA, METHODS, OUTPUT, Flag, MethodName, SettingsFile
from fourfold.cli.reconstruction.decision import decide
from fourfold.cli.reconstruction.image_options import ImageOptions
from fourfold.cli.reconstruction.outputs import Replacement, image_files, run_inputs
from fourfold.cli.reconstruction.preparation import Preparation
from fourfold.errors import InputError
from fourfold.formats import open_scan, writer
from fourfold.formats.registry import image_suffixes
from fourfold.formats.writing import check_image, join, paths_of
from fourfold.scan import Reconstruction, Scan

if TYPE_CHECKING:
    # They load torch, which the help does not need.
    from fourfold.cli.reconstruction.resumable_run import ResumableRun
    from fourfold.cli.reconstruction.volume_run import VolumeRun
    from fourfold.confidence.result import Trust
    from fourfold.intervals.calibration import Calibration
    from fourfold.methods.method import Method, Progress

__all__ = ["recon", "settings_type"]

IMAGE = Group("Image", sort_key=3)
OUTPUTS = (*image_suffixes(), ".json")
"""Suffixes of images and of the files beside them."""
OUTPUT_HELP = f"Image to write: {image_suffixes_in_words()}; FILE_METHOD.nii.gz in the current folder unless given."


def settings_type(method: str | None) -> Any:
    """Return the type whose fields are the settings of `method`; without a method there are none."""
    if method is None:
        return Annotated[None, Parameter(parse=False)]
    from fourfold.methods.registry import find_method

    return Annotated[find_method(method) | None, Parameter(name="*", group=Group(f"Settings of {method}", sort_key=0))]


def recon(
    file: Path,
    /,
    *,
    method: MethodName = None,
    method_settings: Any = None,
    frames: Annotated[str | None, Parameter(group=DATA)] = None,
    format_options: Annotated[FormatOptions | None, Parameter(name="*", group=DATA)] = None,
    prepare: Annotated[Preparation, Parameter(name="*", group=DATA)] = Preparation(),  # noqa: B008  # frozen
    output: Annotated[Path | None, Parameter(alias="-o", group=OUTPUT, help=OUTPUT_HELP)] = None,
    report: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
    members_file: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
    trust: Annotated[Flag, Parameter(group=METHODS)] = False,
    quick: Annotated[Flag, Parameter(group=METHODS)] = False,
    intervals: Annotated[str | None, Parameter(group=OUTPUT)] = None,
    dither: Annotated[float | None, Parameter(group=OUTPUT)] = None,
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    image_options: Annotated[ImageOptions, Parameter(name="*", group=IMAGE)] = ImageOptions(),  # noqa: B008  # frozen
    force: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    resume: Annotated[bool, Parameter(group=OUTPUT)] = True,
    computer: FrameComputerOptions = FrameComputer(),  # noqa: B008  # frozen
    settings: SettingsFile = None,
) -> None:
    """Reconstruct a raw file and write the image.

    Frames (slices) are read and written one after the other and reconstructed side by side, one on each free core; a
    file may be larger than the memory. Methods for series, such as kt-tv, need all chosen frames at once. Finished
    frames that took longer than half a second are kept in a hidden folder beside the output until the volume is
    written, so an interrupted command can be run again and goes on. Where the method fits a network, Ctrl-C also writes
    the frames so far, with the best image of the last one.
    Without `--method`, five methods that take seconds are tried on the middle frame without some of its samples, and
    the one that predicts these best is chosen; the choice and its reason are printed. Named methods that can fail
    without a sign, such as varnet and grappa, are compared with simpler ones in the same way, and a sentence says when
    they lose. `--quick` leaves both out. The settings of a named method are options of this command: see
    `fourfold recon --method tv --help`.

    For example:

        fourfold recon knee.h5 -o knee.nii.gz

        fourfold recon knee.h5 --method tv --weight 0.002 --frames 10:20 -o knee.nii.gz

        fourfold recon knee.h5 --settings tv.yaml --json

    where `tv.yaml` holds lines such as `method: tv` and `weight: 0.002`.

    Parameters
    ----------
    file
        Raw k-space.
    method
        Name of the method; `fourfold methods` lists them.
    frames
        One frame (3) or a range without its end (2:5, or every fourth frame 0:40:4), counted from 0; all unless given.
    report
        HTML page to write about the middle frame, or about the series that a method for series makes.
    members_file
        Image to write of all members of an ensemble, such as those of diffusion; members are NIfTI's fourth dimension.
    trust
        Say how far to believe the middle frame, or the series; the page shows it too. Takes six more reconstructions.
    quick
        Choose the method by a rule, and do not compare it with simpler ones.
    intervals
        Add the interval of each pixel by what `fourfold calibrate` has learned: a shipped name, such as
        heads-diffusion, or a file. The ends are written as lower and upper, into the
        same files as the standard deviation, and shown in the report.
    dither
        Add noise for readers who find the image too smooth: its standard deviation relative to the noise of a fully
        sampled scan, up to 2, for example 0.5. Not for measurements or scores.
    json
        Print how the image was made on stdout as JSON, and nothing else there.
    force
        Replace files that exist.
    resume
        Go on with the frames that the same command has finished before; otherwise start anew.
    """
    from fourfold.cli.reconstruction.volume_run import VolumeRun
    from fourfold.report import write_report

    volume = open_scan(file, **(format_options or {}))
    image_options.identify(volume)
    options = image_options.given
    chosen = select_frames(frames, len(volume))
    inputs = (volume.path, *prepare.files, (format_options or {}).get("trajectory"), settings)
    _check_names(output, members_file, report, inputs)
    if output is not None:
        check_image(output, volume.geometry(chosen), len(chosen), **options)
    computer.set_up()
    with progress_bar() as show:
        decision = decide(
            volume,
            chosen,
            _named(method, method_settings),
            prepare,
            device=computer.device,
            quick=quick,
            with_trust=trust,
            progress=show,
        )
    solver, notes = decision.solver, decision.notes
    image_options.check(solver)
    if members_file is not None:
        _check_members(solver)
    calibration = None if intervals is None else _calibration(intervals, solver)
    workers = _workers(computer, solver, volume[chosen[0]], len(chosen))
    output = output or Path(f"{file.name.split('.')[0]}_{solver.name}.nii.gz")
    resumable = _resumable_run(output, run_inputs(volume, solver, prepare, format_options, chosen), solver)
    replacement = Replacement(inputs, force, resumable if resume else None)
    replace_image = replacement.allowed(image_files(output, volume, chosen, **options), OUTPUTS)
    replace_members = members_file is not None and replacement.allowed(
        image_files(members_file, volume, chosen, **image_options.of_members(members_file)), OUTPUTS
    )
    replace_report = report is not None and replacement.allowed([report], (".html",))
    for note in notes:
        print_note(note)
    if resumable is not None and not resume:
        resumable.remove()

    run = VolumeRun(volume, chosen, solver, prepare, computer.device, notes, resumable, workers, calibration, dither)
    with ExitStack() as stack:
        stack.enter_context(run.kept_frames_announced())
        image = stack.enter_context(writer(output, replace=replace_image, **options))
        members = None
        if members_file is not None:
            own = image_options.of_members(members_file)
            members = stack.enter_context(writer(members_file, replace=replace_members, **own))
        shown, frame = _reconstruct_all(run, image, members, stack.enter_context(progress_bar()))
        if image.parts[-1].record.interrupted:
            # Fewer frames can be other stacks, in files of other names; fewer members have no standard deviation.
            image.options = options = _without_std(options, image.parts)
            image.replace = replacement.allowed(paths_of(join(image.parts), output, **options), OUTPUTS)
    made = join(image.parts)
    if report is not None:
        name = volume.path.name
        title = f"{name}, {frames_in_words(shown, len(volume))}" if len(volume) > 1 else name
        write_report([frame], report, title, scan=run.scan_of(shown), trusts=[decision.trust], replace=replace_report)
    for note in made.record.notes[len(notes) :]:
        print_note(note)
    if calibration is not None:
        _print_bounds(made)
    if resumable is not None:
        _close(resumable, made, [*image.written, *(members.written if members else ()), report])
    _print_result(made, output, image.written, chosen, decision.trust, json)


def _check_members(solver: Method) -> None:
    """Raise InputError for a method that makes no members."""
    if solver.ensemble_size < 2:
        raise InputError(
            f"The method '{solver.name}' makes one image, with these settings, and no members; leave out "
            "--members-file, or take a method such as 'diffusion' with several."
        )


def _calibration(name: str, solver: Method) -> Calibration:
    """Return what intervals are made by; raises InputError where it is of another method or needs members."""
    from fourfold.intervals.apply import check_settings
    from fourfold.intervals.calibration import find_calibration

    known = find_calibration(name)
    check_settings(known, solver.name, solver.model_dump(mode="json"))
    return known


def _print_bounds(made: Reconstruction) -> None:
    """Print the lower bounds of the quality of the frames."""
    from fourfold.intervals.apply import bounds_in_words

    for sentence in bounds_in_words(made.record):
        print_note(sentence)


def _without_std(options: Mapping[str, Any], parts: Sequence[Reconstruction]) -> dict[str, Any]:
    """Return the options of the image without the standard deviation, where some frame has none."""
    if "std" not in options.get("series", ()) or all(part.std is not None for part in parts):
        return dict(options)
    print_note("The standard deviation of an interrupted ensemble is not known and was left out.")
    others = tuple(name for name in options["series"] if name != "std")
    return {**options, "series": others or ("magnitude",)}


def _check_names(output: Path | None, members: Path | None, report: Path | None, inputs: Sequence[Path | None]) -> None:
    """Raise InputError for names of outputs that no choice of method or frames makes possible.

    Whether outputs that exist may be replaced depends on the method, which may depend on the data.
    """
    for path, suffixes in ((output, image_suffixes()), (members, image_suffixes()), (report, (".html",))):
        if path is not None:
            check_output(path, suffixes, inputs, force=True)


def _named(method: str | None, method_settings: Method | None) -> Method | None:
    """Return the method that was named, with its settings."""
    from fourfold.methods.registry import find_method

    return None if method is None else method_settings or find_method(method)()


def _workers(computer: FrameComputer, solver: Method, first: Scan, frames: int) -> int | None:
    """Return how many frames are reconstructed side by side; None where they are not divided."""
    from fourfold.methods.workers import choose_workers

    divided = solver.scope == "frame" and computer.device == "cpu" and frames > 1
    number = choose_workers(computer.workers, frames if divided else 1, solver.frame_memory(first))
    return number if divided else None


def _resumable_run(output: Path, inputs: Mapping[str, Any], solver: Method) -> ResumableRun | None:
    """Return where finished frames are kept; None where all frames, or the only one, are made at once."""
    from fourfold.cli.reconstruction.resumable_run import ResumableRun

    return ResumableRun(output, inputs) if solver.scope == "frame" and len(inputs["frames"]) > 1 else None


def _reconstruct_all(
    run: VolumeRun, image: writer, members: writer | None, progress: Progress
) -> tuple[range, Reconstruction]:
    """Add all frames to the image, and their members to another one, up to an interrupted one.

    Returns frames and reconstruction that the report shows: the middle frame, or the last one before it, or the series.
    """
    middle = run.frames[len(run.frames) // 2]
    with closing(run.reconstructions(progress)) as reconstructions:
        for frames, result in reconstructions:
            image.add(result)
            if members is not None:
                members.add(result.of_members())
            if frames[0] <= middle:
                shown = frames, result
            if result.record.interrupted:
                break
    return shown


def _close(resumable: ResumableRun, made: Reconstruction, outputs: Sequence[Path | None]) -> None:
    """Remember the outputs of an unfinished volume, or remove what was kept of a finished one."""
    if made.record.interrupted:
        resumable.mark(*outputs)
        print_note("The volume is not finished; the same command goes on with the frames that are missing.")
        return
    left_over = resumable.left_over(outputs)
    if left_over:
        print_note(f"Files of the unfinished volume are still there: {', '.join(path.name for path in left_over)}.")
    resumable.remove()


def _print_result(
    made: Reconstruction, output: Path, written: Sequence[Path], chosen: range, trust: Trust | None, json: bool
) -> None:
    """Print how the image was made, as JSON or in one line, and how far to believe it."""
    frames, *size = made.image.shape
    if json:
        facts = {
            "output": str(output),
            "files": [str(path) for path in written],
            "shape": list(made.image.shape),
            "frames": list(chosen)[:frames],
            "labels": made.labels.numbers,
        }
        print_json({**facts, **made.record.summary(), **({} if trust is None else {"trust": trust.summary()})})
        return
    if trust is not None:
        print_table(trust.render())
    method, seconds = made.record.method, made.record.seconds
    print_line(
        f"{', '.join(map(str, written))}: {frames} frame(s) of {'×'.join(map(str, size))} by '{method}' in "
        f"{seconds:.1f} s"
    )
