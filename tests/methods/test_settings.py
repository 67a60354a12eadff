"""Settings: a subclass keeps the bounds of its parent, and nonsense is refused."""

import math

import annotated_types
import pytest
from pydantic import BaseModel, ValidationError, create_model

import fourfold.datasets.settings
import fourfold.losses.pixelwise
import fourfold.losses.structural_similarity
import fourfold.training.settings
from fourfold.errors import InputError
from fourfold.losses.loss import Loss
from fourfold.methods.registry import methods
from fourfold.sampling import undersample
from fourfold.simulation.simulate import phantom, simulate
from fourfold.training.base import Settings

BOUNDS = (annotated_types.Ge, annotated_types.Gt, annotated_types.Le, annotated_types.Lt)


def descendants(kind):
    return [kind, *(kinds for child in kind.__subclasses__() for kinds in descendants(child))]


MODELS = [
    *methods().values(),
    *descendants(Settings),
    *descendants(Loss),
    *descendants(fourfold.datasets.settings._Settings),
]


def bounds(field):
    """Return the bounds in the metadata of a field and of the parts of its type, as texts."""
    own = [repr(each) for each in field.metadata if isinstance(each, BOUNDS)]
    parts = getattr(field.annotation, "__args__", ())
    return {*own, *(repr(each) for part in parts for each in getattr(part, "__metadata__", ()))}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_subclass_keeps_its_parents_bounds(model):
    for parent in model.__mro__[1:]:
        if not (issubclass(parent, BaseModel)):
            continue
        for name, field in parent.model_fields.items():
            assert bounds(field) <= bounds(model.model_fields[name]), f"{name} of {parent.__name__}"


def refused(model, name, value):
    """Return whether a value is refused because of the setting itself."""
    try:
        model(**{name: value})
    except InputError as error:
        return f"'{name}'" in str(error)
    except ValidationError as error:
        return any(each["loc"][:1] == (name,) for each in error.errors())
    return False


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf], ids=str)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_setting_is_infinite_or_no_number(model, value):
    """Field by field: some models have fields without a default."""
    limits = {key: model.model_config[key] for key in ("allow_inf_nan",)}
    for name, field in model.model_fields.items():
        if field.annotation in (int, float) or {int, float} & set(getattr(field.annotation, "__args__", ())):
            one = create_model("One", __config__=limits, **{name: (field.annotation, field)})
            with pytest.raises(ValidationError):
                one(**{name: value})


@pytest.mark.parametrize("method", methods().values(), ids=lambda method: method.name)
def test_numbers_of_methods_are_not_negative_and_no_switches(method):
    for name, field in method.model_fields.items():
        if field.annotation is not bool and name not in ("coil_combination", "wavelet"):
            assert refused(method, name, -1), name
            assert refused(method, name, True), name


def test_the_published_decoders_keep_their_bounds():
    with pytest.raises(InputError, match="'learning_rate' of 'convdecoder-knee' is -1; input should be greater than 0"):
        methods()["convdecoder-knee"](learning_rate=-1)
    with pytest.raises(InputError, match="'image_averaging' of 'convdecoder-brain' is 2; input should be less than 1"):
        methods()["convdecoder-brain"](image_averaging=2)
    with pytest.raises(InputError, match="'weight' of 'tv' is True"):
        methods()["tv"](weight=True)


def test_a_weight_that_does_not_follow_the_noise_is_stated():
    scan = undersample(simulate(phantom((32, 32)), coils=1, snr=8), "random", 2, lines=8)
    stated = [methods()["lustig2007"](weight=weight, iterations=3)(scan).record.notes for weight in (1e-3, "auto")]
    assert ["does not follow the noise" in " ".join(notes) for notes in stated] == [True, False]
