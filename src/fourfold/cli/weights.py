"""`fourfold weights`: lists, verifies and describes trained weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from rich.table import Table

from fourfold.cli.console import print_json, print_line, print_table, progress_bar
from fourfold.cli.flags import OUTPUT, Flag
from fourfold.errors import InputError
from fourfold.weights.find import find_weights, shipped
from fourfold.weights.weight_files import WEIGHTS, count_parameters, read_bytes, read_manifest

__all__ = ["weights"]


def weights(
    action: Literal["list", "verify", "describe"],
    /,
    *names: str,
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
) -> None:
    """List weights, verify them, or measure the statistics of their training scans.

    `list` shows the shipped weights, or those that are named: network, parameters, training data, licence, scores,
    size and path. `verify` compares each file's SHA-256 with its manifest, loads it into its network, and compares the
    network's output for a phantom with the reference output in the manifest. `describe` takes a folder of weights and
    the settings file of their training. It measures statistics of the training scans and writes them into the
    manifest; methods then note when a scan is out of distribution.

    For example:

        fourfold weights list

        fourfold weights verify my-weights/ hf://owner/name

        fourfold weights describe my-weights/ settings.yaml

    Parameters
    ----------
    action
        list, verify or describe.
    names
        Names of shipped weights, folders, or repositories on the hub (hf://owner/name[@revision]); all shipped weights
        by default. For `describe`: a folder and a settings file.
    json
        Print the result on stdout as JSON.
    """
    if action == "describe":
        _describe(names)
        return
    folders = {name: find_weights(name) for name in names} if names else shipped()
    facts = dict(_facts(folders, action == "verify"))
    if json:
        print_json(facts)
    elif not facts:
        print_line("No weights ship with this fourfold; train some with 'fourfold train'.")
    elif action == "verify":
        for name, fields in facts.items():
            print_line(
                f"{name}: SHA-256 {fields['sha256'][:12]}… as in the manifest, {fields['parameters']:,} parameters "
                f"loaded into '{fields['network']}', reference output {fields['reference_output']}."
            )
    else:
        print_table(_table(facts))


def _describe(names: Sequence[str]) -> None:
    if len(names) != 2:
        raise InputError("To describe weights, give their folder and the settings file of their training.")
    # Imported here: listing weights needs neither torch nor the extra for training.
    from fourfold.training.presets import read_settings
    from fourfold.training.scan_statistics import scan_statistics_of_training
    from fourfold.training.settings import TrainingSettings
    from fourfold.weights.annotate import annotate

    folder, file = names
    read_manifest(folder)
    with progress_bar() as bar:
        statistics = scan_statistics_of_training(TrainingSettings(**read_settings(Path(file))), progress=bar)
    annotate(folder, scan_statistics=statistics)
    print_line(f"{folder}: {statistics.scans} training examples measured; the limit is {statistics.limit:.2f}.")


def _facts(folders: Mapping[str, Path], verify: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, folder in folders.items():
        _, manifest = read_bytes(folder)
        fields = {
            **manifest.model_dump(mode="json", exclude={"scan_statistics", "reference_output"}),
            "parameters": count_parameters(folder),
            "megabytes": round((folder / WEIGHTS).stat().st_size / 1e6, 2),
            "path": str(folder),
        }
        if verify:
            fields["reference_output"] = _check_reference_output(folder, name)
        yield name, fields


def _check_reference_output(folder: Path, name: str) -> str:
    """Load weights into their network, and compare its reference output with the one in the manifest."""
    from fourfold.weights.load_network import load_network
    from fourfold.weights.reference_output import check_reference_output

    network, manifest = load_network(str(folder))
    if manifest.reference_output is None:
        return "not in the manifest"
    check_reference_output(network, manifest.reference_output, name)
    return "reproduced"


def _table(facts: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table("name", "network", "parameters", "training data", "licence", "scores", "MB", "path")
    for name, fields in facts.items():
        data = (f"{source['name']} ({source['licence']})" for source in fields["training_data"])
        scores = (f"{metric} {score:.4g}" for metric, score in fields["scores"].items())
        cells = (fields["network"], f"{fields['parameters']:,}", ", ".join(data), fields["licence"])
        table.add_row(name, *cells, ", ".join(scores) or "–", f"{fields['megabytes']}", fields["path"])
    return table
