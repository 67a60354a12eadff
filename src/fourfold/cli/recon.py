"""`fourfold recon`: from a raw file to an image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from fourfold.cli.computer import Computer, ComputerOptions
from fourfold.cli.console import part_of, print_json, print_line, progress_bar, remark
from fourfold.cli.files import FormatOptions, check_output, frames_in_words, select_frames
from fourfold.cli.flags import DATA, OUTPUT, Flag, MethodName, SettingsFile
from fourfold.cli.preparation import Preparation
from fourfold.errors import InputError
from fourfold.formats import ScanFile, open_scan, writer
from fourfold.formats.registry import image_suffixes
from fourfold.formats.writing import image_paths, join, paths_of
from fourfold.methods.choose import choose_method
from fourfold.scan import Reconstruction, Scan

if TYPE_CHECKING:
    # They load torch, which the help does not need.
    from fourfold.cli.resumable_run import ResumableRun
    from fourfold.methods.method import Method

__all__ = ["method_settings_type", "recon"]


def method_settings_type(method: str | None) -> Any:
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
    output: Annotated[Path | None, Parameter(alias="-o", group=OUTPUT)] = None,
    report: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    force: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    resume: Annotated[bool, Parameter(group=OUTPUT)] = True,
    computer: ComputerOptions = Computer(),  # noqa: B008  # frozen
    settings: SettingsFile = None,
) -> None:
    """Reconstruct a raw file and write the image.

    Frames (slices) are read, reconstructed and written one after the other, so a file may be larger than the memory;
    methods for series, such as kt-tv, need all chosen frames at once. Finished frames that took longer than half a
    second are kept in a hidden folder beside the output until the volume is written: the same command goes on where it
    was ended, by whatever. Where the method fits a network, Ctrl-C also writes the frames so far, with the best image
    of the last one.
    Without `--method` one that suits the data is chosen, and the choice and its reason are told. The settings of a
    method are options of this command once it is named: see `fourfold recon --method tv --help`.

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
    output
        Image to write: .nii.gz, .nii, .h5, .npz, .cfl or .png; FILE_METHOD.nii.gz in the current folder unless given.
    report
        HTML page to write about the middle frame, or about the series that a method for series makes.
    json
        Print how the image was made on stdout as JSON, and nothing else there.
    force
        Replace files that exist.
    resume
        Go on with the frames that the same command has finished before; otherwise start anew.
    """
    from fourfold.cli.resumable_run import ResumableRun
    from fourfold.methods.registry import find_method
    from fourfold.report import write_report

    volume = open_scan(file, **(format_options or {}))
    chosen = select_frames(frames, len(volume))
    solver = None if method is None else method_settings or find_method(method)()
    inputs = (volume.path, *prepare.files, (format_options or {}).get("trajectory"), settings)
    # Whether they exist and may be replaced depends on the method, which may depend on the data.
    for path, suffixes in ((output, image_suffixes()), (report, (".html",))):
        if path is not None:
            check_output(path, suffixes, inputs, force=True)
    computer.claim()
    first = volume[chosen[0]]
    remarks = prepare.remarks(first)
    if solver is None:
        solver, reason = choose_method(prepare(first))
        remarks = (f"The method '{solver.name}' was chosen: {reason}.", *remarks)
    output = output or Path(f"{file.name.split('.')[0]}_{solver.name}.nii.gz")
    resumable = None
    if solver.scope == "frame" and len(chosen) > 1:
        resumable = ResumableRun(output, _call(volume, solver, prepare, format_options, chosen))
    going_on = resumable if resume else None
    images = _image_files(output, volume, chosen)
    replace_image = _may_replace(images, image_suffixes(), inputs, force, going_on)
    replace_report = report is not None and _may_replace([report], (".html",), inputs, force, going_on)
    for sentence in remarks:
        remark(sentence)
    if resumable is not None and not resume:
        resumable.remove()

    parts = _series(volume, chosen) if solver.scope == "series" else _frames(volume, chosen)
    middle = chosen[len(chosen) // 2]
    with (
        _going_on(resumable, len(chosen)),
        writer(output, replace=replace_image) as image,
        progress_bar() as show,
    ):
        for done, (words, indices, scan) in enumerate(parts):
            ready = prepare(scan).to(computer.device)
            result = resumable.frame(words, ready) if resumable is not None else None
            if result is None:
                result = solver(ready, part_of(show, done, len(chosen) // len(indices), words))
                if resumable is not None and not result.record.interrupted:
                    resumable.keep(words, ready, result)
            result = replace(result, record=replace(result.record, notes=(*remarks, *result.record.notes)))
            image.add(result)
            if indices[0] <= middle:
                page = [result], f"{file.name}, {words}" if len(volume) > 1 else file.name, ready
            if result.record.interrupted:
                # Fewer frames can be other stacks, in files of other names.
                reached = paths_of(join(image.parts), output)
                image.replace = _may_replace(reached, image_suffixes(), inputs, force, going_on)
                break
    if report is not None:
        write_report(page[0], report, page[1], scan=page[2], replace=replace_report)
    made = join(image.parts)
    for sentence in made.record.notes[len(remarks) :]:
        remark(sentence)
    if resumable is not None and made.record.interrupted:
        resumable.mark(*image.written, report)
        remark("The volume is not finished; the same command goes on with the frames that are missing.")
    elif resumable is not None:
        left_over = resumable.left_over([*image.written, report])
        if left_over:
            remark(f"Files of the unfinished volume are still there: {', '.join(path.name for path in left_over)}.")
        resumable.remove()
    if json:
        facts = {
            "output": str(output),
            "files": [str(path) for path in image.written],
            "shape": list(made.image.shape),
            "frames": list(chosen)[: made.image.shape[0]],
        }
        print_json({**facts, **made.record.summary()})
    else:
        print_line(f"{', '.join(map(str, image.written))}: {_in_words(made)}")


def _in_words(made: Reconstruction) -> str:
    """Return how much was made, by which method, in what time."""
    frames, *size = made.image.shape
    record = made.record
    return f"{frames} frame(s) of {'×'.join(map(str, size))} by '{record.method}' in {record.seconds:.1f} s"


def _may_replace(
    paths: Sequence[Path],
    suffixes: Sequence[str],
    inputs: Iterable[Path | None],
    force: bool,
    earlier: ResumableRun | None,
) -> bool:
    """Return whether outputs may be replaced: by `force`, or where the same call, ended `earlier`, has written them.

    Raises InputError where one of them exists and may not, or is an input.
    """
    written = [earlier is not None and earlier.wrote(path) for path in paths]
    for path, is_written in zip(paths, written, strict=True):
        check_output(path, suffixes, inputs, force or is_written)
    return force or any(written)


def _image_files(output: Path, volume: ScanFile, chosen: range) -> list[Path]:
    """Return the files of the image, and say which they are where the frames are no single stack."""
    labels = None if volume.labels is None else [volume.labels[frame] for frame in chosen]
    paths = image_paths(output, volume.geometry(chosen), labels, len(chosen))
    if len(paths) > 1:
        remark(
            f"The {len(chosen)} frames are not one stack of parallel, equidistant slices but {len(paths)} stacks; "
            f"each is written to a file of its own, {paths[0].name} to {paths[-1].name}."
        )
    return paths


def _call(
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


@contextmanager
def _going_on(resumable: ResumableRun | None, frames: int) -> Iterator[None]:
    """Say what is taken over from an earlier call, and what the next one can take over where this one is ended."""
    if resumable is not None and resumable.frames:
        remark(
            f"An earlier call has finished {resumable.frames} of the {frames} frames, which are taken over "
            "(--no-resume starts anew)."
        )
    try:
        yield
    except (KeyboardInterrupt, InputError):
        if resumable is not None and resumable.frames:
            remark(f"{resumable.frames} of {frames} frames are kept; the same command goes on with the others.")
        raise


def _frames(volume: ScanFile, frames: range) -> Iterator[tuple[str, range, Scan]]:
    """Yield each frame with its name; of a whole file in its own order of reading, which may be much faster."""
    scans = volume if len(frames) == len(volume) else (volume[index] for index in frames)
    for index, scan in zip(frames, scans, strict=True):
        only = range(index, index + 1)
        yield frames_in_words(only, len(volume)), only, scan


def _series(volume: ScanFile, frames: range) -> Iterator[tuple[str, range, Scan]]:
    """Yield all frames at once; raises InputError where they would fill the memory."""
    yield frames_in_words(frames, len(volume)), frames, volume.load(slice(frames.start, frames.stop, frames.step))
