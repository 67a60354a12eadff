"""An InputError keeps its type, text and attributes on its way from another process."""

import pickle

import pytest
from torch.utils.data import Dataset

from fourfold.errors import InputError, SilentCoils
from fourfold.training.example_loader import ExampleLoader
from fourfold.training.processes import SpawnStrategy


@pytest.mark.parametrize(
    ("error", "attributes"),
    [
        (InputError("'a.npz' is damaged.", source="a.npz"), {"source": "a.npz"}),
        (SilentCoils([1, 3], 16), {"source": "", "coils": [1, 3], "total": 16}),
    ],
)
def test_errors_survive_pickling(error, attributes):
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), attributes)


class Coils(Dataset):
    def __getitem__(self, index):
        if index == 2:
            raise SilentCoils([0, 5], 8)
        return index


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_raises_the_error_of_its_worker(workers):
    loader = ExampleLoader(Coils(), [[0, 1], [1, 2], [0]], tuple, workers=workers, pin_memory=False)
    batches = iter(loader)
    assert next(batches) == (0, 1)
    with pytest.raises(SilentCoils) as error:
        next(batches)
    assert (error.value.coils, error.value.total) == ([0, 5], 8)
    assert str(error.value) == str(SilentCoils([0, 5], 8))


def fail(number):
    raise SilentCoils([number], 4)


def test_a_spawned_process_raises_its_error():
    import pytorch_lightning as pl

    trainer = pl.Trainer(
        accelerator="cpu", devices=2, strategy=SpawnStrategy(process_group_backend="gloo"), logger=False
    )
    with pytest.raises(SilentCoils) as error:
        trainer.strategy.launcher.launch(fail, 3)
    assert (error.value.coils, error.value.total) == ([3], 4)
