"""`fourfold methods`: the methods and their settings."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from fourfold.cli.console import print_json, print_table
from fourfold.cli.flags import OUTPUT, Flag

__all__ = ["methods"]


def methods(*, json: Annotated[Flag, Parameter(group=OUTPUT)] = False) -> None:
    """List the reconstruction methods with their settings and defaults.

    `fourfold recon --method tv --help` says what the settings of one method mean.

    Parameters
    ----------
    json
        Print the JSON schema of the methods' settings on stdout instead of the table.
    """
    # Loads torch, which the help does not need.
    from fourfold.methods.registry import methods as known_methods

    known = known_methods()
    if json:
        print_json({name: method.model_json_schema() for name, method in known.items()})
        return
    table = Table("method", "title", "family", "settings and defaults")
    for name, method in known.items():
        settings = (f"{setting} {value}" for setting, value in method().model_dump(mode="json").items())
        table.add_row(name, method.title, method.family, ", ".join(settings) or "–")
    print_table(table)
