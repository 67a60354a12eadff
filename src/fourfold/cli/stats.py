"""`fourfold stats`: statistics of scores in a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from fourfold.cli.console import print_json, print_line
from fourfold.cli.files import check_folder
from fourfold.cli.flags import OUTPUT, Flag, SettingsFile
from fourfold.cli.statistics_options import StatisticsOptions, choices_of
from fourfold.errors import InputError

if TYPE_CHECKING:
    # It would load torch.
    from fourfold.studies.analyses import NamedAnalysis

__all__ = ["print_analyses", "stats"]

COLUMNS = Group("Columns", sort_key=1)
FILES = ("index.html", "statistics.csv", "pairs.csv", "statistics.json")


def stats(
    file: Path,
    /,
    *,
    scores: Annotated[list[str], Parameter(group=COLUMNS)],
    methods: Annotated[list[str], Parameter(group=COLUMNS)] = ["method"],  # noqa: B006  # read only
    subject: Annotated[str, Parameter(group=COLUMNS)] = "subject",
    image: Annotated[str | None, Parameter(group=COLUMNS)] = None,
    groups: Annotated[list[str] | None, Parameter(group=COLUMNS)] = None,
    where: Annotated[list[str] | None, Parameter(group=COLUMNS)] = None,
    wide: Annotated[str | None, Parameter(group=COLUMNS)] = None,
    lower_is_better: Annotated[list[str] | None, Parameter(group=COLUMNS)] = None,
    tests: StatisticsOptions | None = None,
    output: Annotated[Path | None, Parameter(alias="-o", group=OUTPUT)] = None,
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    settings: SettingsFile = None,  # noqa: ARG001  # read before
) -> None:
    """Test scores of several methods on the same subjects: summaries, normality, Friedman, pairs, effect sizes.

    The file has a row for each method and image, with columns for method, subject and scores, as `scores.csv` of a
    study has. With `--wide` it has a row for each subject and a column for each method. Images of one subject are
    averaged first, since they are not independent.

    For example:

        fourfold stats scores.csv --scores snr-db,ssim-3x3 --methods network,loss --image image -o statistics

        fourfold stats readings.csv --wide sharpness --scores tv,varnet,diffusion --subject patient

    Parameters
    ----------
    file
        CSV file with a header.
    scores
        Columns of scores, separated by commas; with `--wide` those of the methods.
    methods
        Columns that name the method together, separated by commas.
    subject
        Column of the subject.
    image
        Column that tells a subject's images apart; none where a subject has one image.
    groups
        Columns whose values divide the rows into groups with statistics of their own.
    where
        Rows to take, such as kind=image; separated by commas.
    wide
        Name of the score in a file with a column for each method.
    lower_is_better
        Scores of which a smaller one is better; nmse is known as one.
    output
        Folder to write a page, its charts, statistics.csv, pairs.csv and statistics.json to.
    json
        Print everything on stdout as JSON, and nothing else there.
    """
    # Loads torch, which the help does not need.
    from fourfold.report.statistics import write_statistics
    from fourfold.statistics.analysis import analyse
    from fourfold.statistics.score_files import Columns, read_score_tables
    from fourfold.studies.analyses import NamedAnalysis, analyses_json

    if output is not None:
        check_folder(output, FILES)
    columns = Columns(_names(scores), () if wide else _names(methods), subject, image, _names(groups or ()))
    tables = read_score_tables(
        file, columns, _lower((wide,) if wide else columns.scores, lower_is_better), _conditions(where), wide or ""
    )
    choices = choices_of(tests)
    analyses = [NamedAnalysis(group, table.score, ".4g", analyse(table, choices)) for group, table in tables]
    if output is not None:
        page = write_statistics(analyses, output, f"Statistics of {file.name}")
    if json:
        print_json({"statistics": analyses_json(analyses)})
        return
    print_analyses(analyses)
    if output is not None:
        print_line(f"Open {page} in a browser to see the charts.")


def print_analyses(analyses: Sequence[NamedAnalysis]) -> None:
    """Print the tables and the results of the tests."""
    from fourfold.cli.study_run import print_study_table
    from fourfold.studies.analyses import analysis_tables

    for each in analyses:
        print_line(f"{each.heading}. {each.sentence}")
        for table in analysis_tables(each):
            print_study_table(table)


def _names(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for text in texts for name in text.split(",") if name.strip()))


def _lower(scores: Sequence[str], given: Sequence[str] | None) -> tuple[str, ...]:
    """Return the scores of which a smaller one is better; refuses names of other columns."""
    from fourfold.metrics import METRICS

    named = _names(given or ())
    for name in named:
        if name not in scores:
            raise InputError(f"'{name}' is given as lower is better, and the scores are {', '.join(scores)}.")
    return (*named, *(name for name in scores if name in METRICS and not METRICS[name].higher_is_better))


def _conditions(texts: Sequence[str] | None) -> dict[str, str]:
    found = {}
    for text in _names(texts or ()):
        name, separator, value = text.partition("=")
        if not separator:
            raise InputError(f"The condition '{text}' has no '='; write a column and its value, such as kind=image.")
        found[name.strip()] = value.strip()
    return found
