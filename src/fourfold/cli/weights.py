"""`fourfold weights`: the weights that ship, whether weights are whole, and what they were trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from rich.table import Table

from fourfold.cli.console import print_json, print_line, print_table, progress_bar
from fourfold.cli.flags import OUTPUT, Flag
from fourfold.errors import InputError
from fourfold.weights.files import WEIGHTS, count_parameters, read_bytes, read_manifest
from fourfold.weights.find import find_weights, shipped

__all__ = ["weights"]


def weights(
    action: Literal["list", "verify", "describe"],
    /,
    *names: str,
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
) -> None:
    """List weights, verify them, or describe what they were trained on.

    `list` shows what ships with fourfold, or the weights that are named: network, parameters, training data, licence,
    scores, size and place. `verify` compares each file's SHA-256 with its manifest, loads it into its network, and
    compares what the network makes of a phantom with what it made when the weights were written. `describe`, with a
    folder of weights and the settings file of their training, looks at the training examples and writes into the
    manifest which scans are like them; methods then remark on scans that are not.

    For example:

        fourfold weights list

        fourfold weights verify my-weights/ hf://owner/name

        fourfold weights describe my-weights/ settings.yaml

    Parameters
    ----------
    action
        list, verify or describe.
    names
        Names of weights that ship, folders, or places on the hub (hf://owner/name[@revision]); all that ship unless
        given. To describe: a folder and a settings file.
    json
        Print everything on stdout as JSON, and nothing else there.
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
        for name, found in facts.items():
            print_line(
                f"{name}: SHA-256 {found['sha256'][:12]}… as in the manifest, {found['parameters']:,} parameters "
                f"loaded into '{found['network']}', {found['answered']}."
            )
    else:
        print_table(_table(facts))


def _describe(names: Sequence[str]) -> None:
    if len(names) != 2:
        raise InputError("To describe weights give their folder and the settings file of their training.")
    # Training is an extra's room; weights are listed without it, and without torch.
    from fourfold.training.domain import training_domain
    from fourfold.training.presets import read_settings
    from fourfold.training.settings import TrainingSettings
    from fourfold.weights.annotate import annotate

    folder, file = names
    read_manifest(folder)
    with progress_bar() as bar:
        domain = training_domain(TrainingSettings(**read_settings(Path(file))), progress=bar)
    annotate(folder, domain=domain)
    print_line(f"{folder}: {domain.scans} training examples described; the limit is {domain.limit:.2f}.")


def _facts(folders: Mapping[str, Path], verify: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, folder in folders.items():
        _, manifest = read_bytes(folder)
        found = {
            **manifest.model_dump(mode="json", exclude={"domain", "answer"}),
            "parameters": count_parameters(folder),
            "megabytes": round((folder / WEIGHTS).stat().st_size / 1e6, 2),
            "path": str(folder),
        }
        if verify:
            found["answered"] = _verified_answer(folder, name)
        yield name, found


def _verified_answer(folder: Path, name: str) -> str:
    """Load weights into their network and compare its answer with the stored one; return what came of it."""
    from fourfold.weights.network import load_network
    from fourfold.weights.reference_output import check_answer

    network, manifest = load_network(str(folder))
    if manifest.answer is None:
        return "no answer stored to compare with"
    check_answer(network, manifest.answer, name)
    return "answer as stored"


def _table(facts: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table("name", "network", "parameters", "training data", "licence", "scores", "MB", "path")
    for name, found in facts.items():
        data = (f"{source['name']} ({source['licence']})" for source in found["training_data"])
        scores = (f"{what} {score:.4g}" for what, score in found["scores"].items())
        cells = (found["network"], f"{found['parameters']:,}", ", ".join(data), found["licence"])
        table.add_row(name, *cells, ", ".join(scores) or "–", f"{found['megabytes']}", found["path"])
    return table
