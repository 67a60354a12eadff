"""`fourfold gfactor`: how much a method amplifies the noise, as a map."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from fourfold.cli.computer import Computer, ComputerOptions
from fourfold.cli.console import print_line, print_note, progress_bar
from fourfold.cli.files import FormatOptions, check_output, image_suffixes_in_words
from fourfold.cli.flags import DATA, OUTPUT, Flag, MethodName, SettingsFile
from fourfold.cli.recon import OUTPUTS, settings_type
from fourfold.cli.reconstruction.outputs import Replacement, image_files
from fourfold.cli.reconstruction.preparation import Preparation
from fourfold.errors import InputError
from fourfold.formats import open_scan, save
from fourfold.formats.registry import image_suffixes
from fourfold.scan import crop_centre

__all__ = ["gfactor", "settings_type"]

REPLICAS = Group("Replicas", sort_key=2)


def gfactor(
    file: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o", group=OUTPUT, help=f"Map to write: {image_suffixes_in_words()}.")],
    method: MethodName = None,
    method_settings: Any = None,
    frame: Annotated[int | None, Parameter(group=DATA)] = None,
    format_options: Annotated[FormatOptions | None, Parameter(name="*", group=DATA)] = None,
    prepare: Annotated[Preparation, Parameter(name="*", group=DATA)] = Preparation(),  # noqa: B008  # frozen
    replicas: Annotated[int, Parameter(group=REPLICAS)] = 100,
    seed: Annotated[int, Parameter(group=REPLICAS)] = 0,
    force: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    computer: ComputerOptions = Computer(),  # noqa: B008  # frozen
    settings: SettingsFile = None,
) -> None:
    """Write the map of a method's g-factor on one frame, by pseudo multiple replicas.

    For methods that are linear once calibrated: grappa, spirit, cg-sense. The coils' noise is taken for white; it is
    made so with a file's noise scan, or with `--prewhiten`.

    For example:

        fourfold gfactor knee.h5 --method grappa -o g.nii.gz

    Parameters
    ----------
    file
        Raw k-space.
    method
        Name of the method.
    frame
        The frame, counted from 0; the middle one unless given.
    replicas
        Noisy reconstructions; 100 tell the map to 7 %.
    seed
        Seed of the noise.
    force
        Replace a file that exists.
    """
    if method is None:
        raise InputError("No method was named; give one that is linear, such as --method grappa.")
    # Loads torch, which the help does not need.
    from fourfold.methods.registry import find_method
    from fourfold.studies import gfactor as gfactor_map
    from fourfold.studies.gfactor import smoothing_note

    volume = open_scan(file, **(format_options or {}))
    inputs = (volume.path, *prepare.files, (format_options or {}).get("trajectory"), settings)
    check_output(output, image_suffixes(), inputs, force)
    index = len(volume) // 2 if frame is None else frame
    if 0 <= index < len(volume):
        Replacement(inputs, force, None).allowed(image_files(output, volume, range(index, index + 1)), OUTPUTS)
    computer.set_up()
    scan = prepare(volume.load(index)).to(computer.device)
    solver = method_settings or find_method(method)()
    with progress_bar() as show:
        values = gfactor_map(scan, solver, replicas, seed, show)
    image = solver(scan)
    notes = smoothing_note(values, replicas)
    record = replace(
        image.record,
        notes=(*scan.source.notes, "The values are the g-factor.", *notes),
        details={"replicas": replicas, "seed": seed},
    )
    save(replace(image, image=values[None].to(image.image.dtype), record=record), output, replace=force)
    inside = crop_centre(values, (values.shape[0] // 2, values.shape[1] // 2))
    print_line(f"{output}: g-factor of '{solver.name}', mean {float(inside.mean()):.2f} in the middle of the image")
    for note in notes:
        print_note(note)
