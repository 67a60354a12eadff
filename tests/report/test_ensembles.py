"""What a page shows of ensembles: members, standard deviation, curves and scores."""

import re
from dataclasses import replace

import matplotlib
import matplotlib.image
import numpy as np
import pytest
from tests.helpers.report_images import gallery_of, with_members
from tests.helpers.report_pages import section, still_image, visible_text

from fourfold.report import write_report
from fourfold.report.charts import HELD_OUT, curve_chart, score_chart


def chart_titles(code):
    """What the charts of a section show, by the beginning of their descriptions."""
    charts = re.search(r'<div class="charts">(.*?)</div>', code, re.S)[1]
    return re.findall(r'alt="(.*?) (?:of each member|against)', charts)


def test_ensembles_have_members_deviation_curves_and_scores(ensemble_comparison, tmp_path):
    page = write_report(ensemble_comparison, tmp_path / "page.html")
    code = section(page, "Ensembles")
    assert code.count("<figure>") == 5
    gallery = ensemble_comparison.reference, *(one.reconstruction.magnitude for one in ensemble_comparison.entries)
    _, white = gallery_of(*gallery).window()
    third = still_image(code, "ConvDecoder: Member 3, magnitude image")
    expected = (ensemble_comparison.reference[1] * 1.08 / white).clamp(max=1).numpy()
    assert np.abs(third[..., 0] - expected).max() < 0.01
    # The spread of 0, 4 and 8 % is 4 % of the image, and so at most 4 % of the maximum.
    deviation = still_image(code, "ConvDecoder: standard deviation of the members")
    y, x = 24, 20
    value = 0.04 * float(ensemble_comparison.reference[1, y, x])
    assert deviation[y, x, :3] == pytest.approx(matplotlib.colormaps["inferno"](value / 5)[:3], abs=0.02)
    assert "0 to 5 %" in code
    assert chart_titles(code) == ["Loss", "Held-out error", "PSNR (dB)", "NMSE"]
    assert "chosen: 20, 20, 20" in code
    # The first member is the reference itself: no average can be better.
    assert re.search(r"<th scope=\"row\">First member</th><td>∞</td><td>0.0000</td>", code)
    entry = ensemble_comparison.entries[1]
    assert f'<th scope="row">Mean of 3 members</th><td>{entry.scores["psnr"]:.2f}</td>' in code
    assert "psnr ∞ · best" in code


def test_ensembles_without_a_reference_have_no_scores(tmp_path):
    page = write_report([with_members(held_out=False)], tmp_path / "page.html")
    code = section(page, "Ensembles")
    assert "seed 6" in code
    assert chart_titles(code) == ["Loss"]
    assert "<table" not in code
    assert "iteration 10" not in visible_text(page)


def test_one_member_has_curves_and_no_second_image(tmp_path):
    code = section(write_report([replace(with_members(1), std=None)], tmp_path / "page.html"), "Ensembles")
    assert "ConvDecoder: 1 member<" in code
    assert code.count("<figure>") == 1
    assert chart_titles(code) == ["Loss", "Held-out error"]


def test_a_standard_deviation_alone_is_shown(tmp_path):
    result = replace(with_members(), members=None)
    code = section(
        write_report([replace(result, record=replace(result.record, details={}))], tmp_path / "a.html"), "Ensembles"
    )
    assert code.count("<figure>") == 2
    assert "<table" not in code


def test_without_members_there_is_no_section_on_ensembles(page):
    assert "Ensembles" not in visible_text(page)


def test_the_best_single_member_and_the_chosen_iterations_are_drawn():
    figure = score_chart("NMSE", [0.3, 0.2], [0.3, 0.25], 0.25)
    line, single, averaged = figure.axes[0].lines
    assert set(line.get_ydata()) == {0.25}
    assert (list(single.get_xdata()), list(single.get_ydata())) == ([1, 1], [0.3, 0.25])
    assert (list(averaged.get_xdata()), list(averaged.get_ydata())) == ([1, 2], [0.3, 0.2])
    curve, chosen = curve_chart(with_members().record.details["members"][:1], HELD_OUT).axes[0].lines
    assert list(curve.get_ydata()) == [1, 1 / 2, 1 / 3]
    assert (list(chosen.get_xdata()), list(chosen.get_ydata())) == ([20], [1 / 2])


def test_members_of_a_generative_method_have_their_residuals(tmp_path):
    made = with_members(held_out=False)
    residuals = [{"noise_level": level, "residual": 1 + level} for level in (0.3, 0.1, 0.02)]
    members = [{"seed": seed, "residuals": residuals} for seed in range(3)]
    made = replace(made, record=replace(made.record, details={"members": members}, by_frame=()))
    code = section(write_report([made], tmp_path / "page.html"), "Ensembles")
    assert chart_titles(code) == ["Residual"]
    assert "seed 2" in code
