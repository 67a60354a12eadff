"""The tables and pictures of the benchmarks, from a few made-up results; nothing is timed."""

import json

import numpy as np
import pytest
from benchmarks import limit, noncartesian, plots, quality
from benchmarks.__main__ import read, save
from benchmarks.document import fill
from benchmarks.iterative import Search
from benchmarks.table import grids


def row(contender: str, seconds: float, **figures) -> dict:
    curve = [[4, seconds / 4, 20.0, 30.0], [16, seconds, 0.5, 35.0]]
    return {
        "method": "tv",
        "problem": "8×64×64, 4× random lines",
        "task": "Total variation, 8×64×64",
        "contender": contender,
        "status": "ok",
        "seconds": seconds,
        "memory_mib": 10 * seconds,
        "figures": {"iterations": 16, "reached": True, "PSNR dB": 35.0, "curve": curve, **figures},
    }


ABSENT = {"task": "Total variation, 8×64×64", "contender": "BART", "status": "absent: bart is not installed"}
ROWS = [row("fourfold", 1.0), row("SigPy", 4.0, reached=False), ABSENT | {"method": "tv", "problem": "–"}]


def test_the_table_shows_ratios_to_the_first_and_what_never_arrived_and_what_is_absent():
    (grid,) = grids(ROWS)
    ours, sigpy, bart = grid.lines
    assert grid.headings == ["contender", "seconds", "ratio", "memory MiB", "ratio", "iterations", "PSNR dB"]
    assert ours[1:3] == ["1", ""]
    assert sigpy[1:3] == ["> 4", "> 4×"]
    assert sigpy[4] == "4×"
    assert bart[1] == "absent: bart is not installed"


def test_tables_are_written_between_their_marks_and_nowhere_else():
    text = "a\n<!-- table: one -->\nold\n<!-- end -->\nb\n<!-- table: two -->\nkept\n<!-- end -->\nc\n"
    filled = fill(text, {"one": "new\n"})
    assert filled == text.replace("old", "new")
    assert fill(filled, {"one": "new\n"}) == filled


def test_the_quality_table_compares_with_the_best_of_bart_on_the_same_mask_alone():
    def scored(case: str, name: str, psnr: float) -> dict:
        figures = {"psnr": psnr, "mask": ["m"]}
        return {"task": case, "contender": name, "status": "ok", "seconds": 1.0, "figures": figures}

    rows = [scored(case, name, psnr) for case in ("a", "b") for name, psnr in (("tv", 31.0), ("wavelet", 33.0))]
    theirs = {"tv": {"weight": 1, "psnr": 30.0}, "wavelet": {"weight": 1, "psnr": 32.0}, "zero-filled": {"psnr": 50.0}}
    oracle = {"a": {"mask": "m", **theirs}, "b": {"mask": "another", **theirs}}
    grid = quality.table("psnr", rows, oracle)
    assert grid.headings == ["method", "a", "b", "mean gain"]
    assert grid.lines[0] == ["BART's best", "32.00 wavelet", "–", ""]
    assert grid.lines[1] == ["tv", "31.00", "31.00", "-1.00"]
    assert grid.lines[-1] == ["our best", "33.00", "33.00", "+1.00"]


def test_results_of_another_machine_are_not_resumed(tmp_path):
    path = tmp_path / "iterative.json"
    assert read(path, {"cores": 2}) == []
    save(path, {"cores": 2}, ROWS)
    assert read(path, {"cores": 2}) == ROWS
    assert read(path, {"cores": 4}) == []


def test_pictures_are_made_of_the_results_that_there_are(tmp_path):
    rows = {"machine": {}, "rows": ROWS}
    growth = [{"axis": "coils", "size": size, **row("fourfold", size)} for size in (4, 8)]
    (tmp_path / "iterative.json").write_text(json.dumps(rows), encoding="utf-8")
    (tmp_path / "scaling.json").write_text(json.dumps({"machine": {}, "rows": growth}), encoding="utf-8")
    plots.main(["--results", str(tmp_path), "--figures", str(tmp_path / "figures")])
    pictures = {path.name: path.stat().st_size for path in (tmp_path / "figures").iterdir()}
    assert pictures.keys() == {"tv.svg", "memory.svg", "growth.svg"}
    assert max(pictures.values()) < 60_000


@pytest.mark.parametrize("needed", [3, 10, 40])
def test_the_search_finds_the_fewest_iterations_that_reach_the_objective(needed):
    # An objective that falls to the target, 1, at `needed` iterations; quality is there somewhat later.
    search = Search(
        solve=lambda count: np.full((1, 2, 2), count),
        objective_and_psnr=lambda images: (needed / images[0, 0, 0], min(30.0, images[0, 0, 0])),
        target=1.0,
        psnr=30.0,
        most=1024,
    )
    search.run()
    assert needed <= search.iterations_needed <= needed * 7 / 6 + 1
    assert any(search.is_converged(point) for point in search.points)


def test_the_table_of_the_limit_divides_an_iteration_by_its_transforms_and_its_memory_traffic():
    times = {"iteration": 6.0, "transforms": 3.0, "traffic": 1.0}
    grid = limit.table([{"problem": "12×320×320", "method": "CG-SENSE", **times}])
    assert grid.lines == [["CG-SENSE, 12×320×320", "6", "3", "1", "1.50×"]]


def test_the_score_of_non_cartesian_images_does_not_depend_on_their_scale(monkeypatch):
    truth = np.random.default_rng(0).random(noncartesian.SHAPE).astype(np.float32)
    monkeypatch.setattr(noncartesian, "load", {"any": (None, truth)}.get)
    near = truth + 0.01
    assert noncartesian.score("any", 7 * near) == pytest.approx(noncartesian.score("any", near))
    assert noncartesian.score("any", near)["PSNR dB"] > 40
