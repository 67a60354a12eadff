"""A time budget decides how many members of an untrained fit there are."""

from types import SimpleNamespace

import pytest
import torch

import fourfold.methods.untrained.fitting.fit as fit_module
import fourfold.methods.untrained.fitting.time_budget as budget_module
import fourfold.methods.untrained.untrained_method as untrained_module
from fourfold.errors import InputError
from fourfold.methods.untrained.conv_decoder import ConvDecoder


def quick(**settings):
    return ConvDecoder(channels=12, layers=4, input_size=(6, 6), weight=0.002, precision="float32", **settings)


class TenIterationsASecond:
    """A clock that goes on by a second whenever a fit begins or is checked, so that no test asserts a time."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(fit_module, "time", SimpleNamespace(perf_counter=self.advance))
        monkeypatch.setattr(budget_module, "time", SimpleNamespace(perf_counter=lambda: self.now))

    def advance(self):
        self.now += 1
        return self.now


def test_a_time_budget_decides_how_many_members_are_fitted_whole(scan, monkeypatch):
    """A member takes five seconds, and four were expected: the third would end after the budget."""
    TenIterationsASecond(monkeypatch)
    fits = {"iterations": 40, "refit_iterations": 0}
    result = quick(members=4, time_budget=13, **fits)(scan)
    assert [member["iterations"] for member in result.record.details["members"]] == [40, 40]
    assert any("time budget of 13 s allowed 2 of 4 members" in note for note in result.record.notes)
    assert torch.equal(result.image, quick(members=2, **fits)(scan).image)


def test_a_time_budget_that_is_too_small_for_one_member_is_refused(scan, monkeypatch):
    TenIterationsASecond(monkeypatch)
    message = (
        r"time budget is 30 s but the fit of one member, 400 iterations, takes about 40 s here; give a time budget of"
    )
    with pytest.raises(InputError, match=message):
        quick(iterations=380, refit_iterations=20, time_budget=30)(scan)


def test_fewer_members_are_fitted_together_where_all_take_too_long(scan, monkeypatch):
    """A GPU fits several at once: a group that the budget does not allow is halved."""
    monkeypatch.setattr(untrained_module._Ensemble, "_together", lambda _: 4)
    groups = []

    def slow(network, *_):
        groups.append(network.members)
        if network.members > 2:
            raise budget_module.BudgetTooSmallError(50.0)
        raise KeyboardInterrupt

    monkeypatch.setattr(untrained_module, "fit", slow)
    with pytest.raises(KeyboardInterrupt):
        quick(members=4, time_budget=30)(scan)
    assert groups == [4, 2]
