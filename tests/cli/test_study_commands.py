"""`fourfold study NAME`: every study is one file, and its class is its command and its help."""

import importlib

import pytest

from fourfold.cli.main import main
from fourfold.discovery import studies_with_settings
from fourfold.studies.network_study import NetworkStudy
from fourfold.studies.study import SettingsStudy


def test_every_study_is_found_without_being_imported():
    found = {
        name: getattr(importlib.import_module(f"fourfold.studies.{name}"), kind)
        for name, (kind, _) in studies_with_settings().items()
    }
    assert {"losses", "priors", "shift", "transfer"} <= set(found)
    declared = {*NetworkStudy.__subclasses__(), *SettingsStudy.__subclasses__()} - {NetworkStudy}
    assert set(found.values()) == declared


def test_a_new_file_is_a_new_study(tmp_path):
    (tmp_path / "masks.py").write_text(
        'class MasksStudy(NetworkStudy):\n    """Compare masks.\n\n    More.\n    """\n\n    settings_type = int\n'
    )
    (tmp_path / "other.py").write_text('class Other(Study):\n    """No such study."""\n')
    assert studies_with_settings(tmp_path) == {"masks": ("MasksStudy", "Compare masks.\n\nMore.")}


@pytest.mark.parametrize("name", studies_with_settings())
def test_the_help_is_the_docstring_of_the_class(name, capsys):
    assert main(["study", name, "--help"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert studies_with_settings()[name][1].splitlines()[0] in printed
    assert f"fourfold study {name} {name}.yaml" in printed


def test_the_overview_names_every_study(capsys):
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in studies_with_settings())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["--json", "shift", "a.yaml"], "takes a settings file after its name"), (["shif", "a"], "Did you mean 'shift'?")],
)
def test_a_study_that_is_misspelt_or_misplaced_is_refused(arguments, sentence, capsys):
    assert main(["study", *arguments]) == 2
    assert sentence in capsys.readouterr().err
