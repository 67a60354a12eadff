"""`fourfold demo`: every method on the sample, or on a user's own file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fourfold.cli.computer import Computer, ComputerOptions
from fourfold.cli.console import print_line, print_note, print_table, progress_bar
from fourfold.cli.files import PAGES, FormatOptions, check_folder
from fourfold.cli.flags import DATA, OUTPUT
from fourfold.errors import InputError
from fourfold.formats import open_scan
from fourfold.scan import Sampling, Scan

__all__ = ["demo"]


def demo(
    file: Path | None = None,
    /,
    *,
    format_options: Annotated[FormatOptions | None, Parameter(name="*", group=DATA)] = None,
    output: Annotated[Path, Parameter(alias="-o", group=OUTPUT)] = Path("fourfold-demo"),
    computer: ComputerOptions = Computer(),  # noqa: B008  # frozen
) -> None:
    """Compare the methods on the sample that ships with fourfold, or on a fully sampled file of your own.

    The data is undersampled 4× at random with 8 % of the lines (at least 8) at the centre, reconstructed with every
    method that takes seconds, not minutes, and scored against the fully sampled image. The scores are printed, and a
    page with images, error maps and provenance is written to `fourfold-demo/index.html`.

    Parameters
    ----------
    file
        Raw k-space, fully sampled; its middle slice is used. The sample unless given: a head with simulated coils
        and noise.
    output
        Folder to write the page to; a page of fourfold's that is there is replaced.
    """
    # Loads torch, which the help does not need.
    from fourfold.report import write_report
    from fourfold.simulation.sample import sample
    from fourfold.studies import compare

    computer.set_up()
    check_folder(output, PAGES[:1])
    scan = sample() if file is None else _middle_frame(file, format_options or FormatOptions())
    output.mkdir(parents=True, exist_ok=True)
    what = scan.source.label or str(file)
    print_note(f"{what}: {scan.coils} coils, {scan.shape[0]}×{scan.shape[1]}, every fourth line kept at random.")
    if scan.source.simulated:
        print_note("This is simulated data: coils and noise were added to an image.")
    sampling = _every_fourth_line(scan)
    with progress_bar() as show:
        comparison = compare(scan.to(computer.device), sampling=sampling, progress=show)
    page = write_report(comparison, output / "index.html", f"fourfold demo: {what}")
    print_table(comparison.render())
    print_line(f"Open {page} in a browser to see the images.")


def _every_fourth_line(scan: Scan) -> Sampling:
    """Return a random pattern of 4×, or as close to it as the number of lines divides."""
    from fourfold.sampling import make_sampling

    lines = scan.shape[0 if scan.line_axis == "ky" else 1]
    kept = max(1, round(lines / 4))
    # Below a hundred lines 8 % of them are too few to calibrate coils with.
    centre = min(kept, max(8, round(0.08 * lines)))
    return make_sampling("random", scan.shape, lines / kept, lines=centre, seed=0, axis=scan.line_axis)


def _middle_frame(file: Path, options: FormatOptions) -> Scan:
    volume = open_scan(file, **options)
    scan = volume[len(volume) // 2]
    if not scan.fully_sampled:
        raise InputError(
            f"'{file}' is undersampled already ({scan.acceleration:.2f}×), so the demo has nothing to compare "
            f"with; reconstruct it with: fourfold recon {file}"
        )
    return scan
