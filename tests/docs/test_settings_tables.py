"""The tables of settings in networks.md, training.md, training-data.md and studies.md are those of the code."""

import importlib
import re

import pytest
from pydantic_core import PydanticUndefined
from tests.helpers.settings_tables import DOCS, sections, wrong_defaults

from fourfold.datasets.settings import Augmentation, DataSettings, Images, Masks, RawData, Simulation, Split
from fourfold.networks.build import complete_settings, networks
from fourfold.studies.image_groups import ImageGroupSettings
from fourfold.studies.losses import LossesSettings
from fourfold.studies.priors import PriorsSettings
from fourfold.studies.shift import ShiftSettings
from fourfold.studies.transfer import TransferSettings
from fourfold.training.optimisers import Adam, AdamW, RmsProp
from fourfold.training.schedules import Constant, Cosine, OneCycle, Steps
from fourfold.training.settings import SelfSupervisedSettings, StageSettings, TrainingSettings

DATA = {
    "settings": DataSettings,
    "images-kind-images": Images,
    "raw-data-kind-raw": RawData,
    "split-by-subject": Split,
    "masks": Masks,
    "simulation": Simulation,
    "augmentation": Augmentation,
}
TRAINING = {
    "settings": (TrainingSettings,),
    "stages": (StageSettings,),
    "optimisers": (Adam, AdamW, RmsProp),
    "schedules": (Constant, Steps, Cosine, OneCycle),
    "without-fully-sampled-data": (SelfSupervisedSettings,),
}

STUDIES = {"transfer": TransferSettings, "losses": LossesSettings, "shift": ShiftSettings}


def stated_settings(page: str) -> dict[str, dict[str, str]]:
    """Return the documented defaults by the anchor of the section and the name of the setting."""
    return {section.anchor: section.settings() for section in sections(page)}


@pytest.mark.parametrize("name", networks())
def test_settings_of_networks(name):
    (section,) = (each for each in sections("networks.md") if each.title.endswith(f"(`{name}`)"))
    assert set(section.settings()) == set(complete_settings(name, {}))
    assert wrong_defaults(section.settings(), complete_settings(name, {})) == {}
    assert [part for part in ("**When to use", "**Equation", "**Limits") if part not in "\n".join(section.lines)] == []


def test_modules_of_networks_exist():
    modules = re.findall(r"\| `([a-z_.]+)\.([A-Z]\w+)` \|", (DOCS / "networks.md").read_text(encoding="utf-8"))
    assert len(modules) > 6
    for module, name in modules:
        assert hasattr(importlib.import_module(f"fourfold.networks.{module}"), name)


@pytest.mark.parametrize(("anchor", "model"), DATA.items())
def test_settings_of_data(anchor, model):
    stated = stated_settings("training-data.md")[anchor]
    fields = {name: field.default for name, field in model.model_fields.items() if name != "kind" or model is Masks}
    assert set(stated) == set(fields)
    assert wrong_defaults(stated, {key: value for key, value in fields.items() if value is not PydanticUndefined}) == {}


@pytest.mark.parametrize(("anchor", "models"), TRAINING.items())
def test_settings_of_training(anchor, models):
    fields = {name for model in models for name in model.model_fields} - {"kind"}
    assert set(stated_settings("training.md")[anchor]) - {"preset"} == fields


@pytest.mark.parametrize(("study", "model"), STUDIES.items())
def test_settings_of_studies(study, model):
    stated = stated_settings("studies.md")
    (own,) = (settings for anchor, settings in stated.items() if anchor.endswith(f"fourfold-study-{study}"))
    assert set(own) | set(stated["settings-of-the-studies-that-train-networks"]) == set(model.model_fields)
    assert set(stated["image-groups"]) == set(ImageGroupSettings.model_fields)


def test_settings_of_the_study_of_priors():
    assert set(stated_settings("studies.md")["generative-priors-fourfold-study-priors"]) == set(
        PriorsSettings.model_fields
    )
