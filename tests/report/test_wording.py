"""Labels and numbers as readers see them."""

import math

from fourfold.report.wording import decimal, labels, number, pairs


def test_labels_distinguish_methods():
    settings = [{"weight": 1, "levels": 3}, {"weight": 2, "levels": 3}, {}, {"weight": 2, "levels": 3}]
    assert labels(["tv", "tv", "cg", "tv"], settings) == ["tv (weight 1)", "tv (weight 2)", "cg", "tv (weight 2) no. 2"]


def test_numbers_are_readable():
    assert [decimal(value, 2) for value in (31.456, math.nan, math.inf)] == ["31.46", "–", "∞"]
    assert [number(value) for value in (3.0, 0.000123456, math.nan)] == ["3", "0.0001235", "–"]
    facts = {"a_b": True, "c": None, "d": {"e": 0.5, "f": [1, 2]}, "g": list(range(20))}
    assert pairs(facts) == [("a b", "yes"), ("d: e", "0.5"), ("d: f", "1, 2"), ("g", "0 … 19 (20 values)")]
