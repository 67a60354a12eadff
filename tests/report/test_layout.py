"""The page as a whole: on screens of all widths, printed, and without scripts."""

import io
import json
import re
import shutil
import subprocess
import time
import zlib
from dataclasses import replace

import matplotlib
import matplotlib.image
import numpy as np
import pytest
from tests.helpers.report_images import MARKUP, NX, NY, object_image, reconstruction, with_members
from tests.helpers.viewer import Viewer

from fourfold.report import write_report


def test_page_runs_without_errors_or_requests(driver, page):
    driver.get("about:blank")
    driver.get_log("browser")
    driver.get_log("performance")
    viewer = Viewer(driver, page)
    viewer.keys("e", "e", "a", "n", "+", "s", "?")
    assert driver.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    requests = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    assert page.as_uri() in requests
    assert [url for url in requests if url != page.as_uri() and not url.startswith("data:")] == []
    assert viewer.script("return document.title") == MARKUP


def test_table_sorts_by_click_and_key(viewer):
    from selenium.webdriver.common.keys import Keys

    def rows():
        return viewer.script("return [...document.querySelectorAll('#scores tbody th')].map((e) => e.textContent)")

    def direction(column):
        return viewer.find(f"#scores thead th:nth-child({column})").get_attribute("aria-sort")

    name, psnr, nmse = viewer.driver.find_elements("css selector", "#scores thead button")[:3]
    psnr.click()
    assert rows() == ["Total variation", MARKUP, "exact"]
    assert direction(2) == "ascending"
    psnr.send_keys(Keys.ENTER)
    assert rows() == ["exact", MARKUP, "Total variation"]
    assert direction(2) == "descending"
    # A method without this score stays last in either direction.
    nmse.click()
    assert rows() == ["exact", MARKUP, "Total variation"]
    nmse.send_keys(Keys.SPACE)
    assert rows() == [MARKUP, "exact", "Total variation"]
    assert direction(2) is None
    name.click()
    assert rows() == sorted(rows(), key=str.lower)


def test_images_keep_their_shape_in_millimetres(viewer):
    size = viewer.canvases()[0].size
    assert size["height"] / size["width"] == pytest.approx(NY * 1.5 / NX, rel=0.01)


def test_page_fits_a_narrow_screen_and_both_themes(driver, set_screen, page):
    backgrounds = {}
    for theme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": theme}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        set_screen(500, scale=2)
        viewer = Viewer(driver, page)
        assert viewer.script("return document.documentElement.scrollWidth") <= 500
        colour = "return getComputedStyle(document.querySelector(arguments[0])).backgroundColor"
        backgrounds[theme] = viewer.script(colour, "body")
        assert viewer.script(colour, ".viewer") == "rgb(12, 15, 18)"
        assert viewer.pixels()[0].shape[1] == 2 * viewer.canvases()[0].size["width"]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert backgrounds["light"] != backgrounds["dark"]


@pytest.mark.parametrize("width", [420, 800, 1280])
def test_long_words_do_not_widen_the_page(driver, set_screen, tmp_path, width):
    word = "a" * 200
    source = {"label": word, "path": word, "details": {word: word}}
    image = reconstruction(object_image(), word, settings={word: word}, notes=(word,), source=source)
    results = [replace(image, members=with_members(count).members) for count in (3, 2)]
    page = write_report(results, tmp_path / "page.html", word)
    set_screen(width)
    assert Viewer(driver, page).script("return document.documentElement.scrollWidth") <= width


def test_a_wide_table_fades_at_the_edge_until_it_is_scrolled(driver, set_screen, page):
    set_screen(400)
    viewer = Viewer(driver, page)
    scroller = viewer.find(".scroller:has(#scores)")
    assert viewer.script("return arguments[0].scrollWidth > arguments[0].clientWidth + 20", scroller)

    def edge():
        """Return how bright the right edge is, below the table's last line of text."""
        screenshot = matplotlib.image.imread(io.BytesIO(scroller.screenshot_as_png))[..., :3]
        return np.median(screenshot[:, -4:], axis=(0, 2))[1:3].mean()

    cut = edge()
    viewer.script("arguments[0].scrollLeft = 10000", scroller)
    viewer.settle()
    assert cut < edge() - 0.05


@pytest.fixture(scope="module")
def printed(driver, comparison, tmp_path_factory):
    """Print a page with a table longer than a sheet, by a browser that shows it on no screen."""
    assert driver
    folder = tmp_path_factory.mktemp("printed")
    result = comparison.entries[2].reconstruction
    entry = replace(comparison.entries[2], reconstruction=replace(result, image=result.image[:1]))
    one_frame = {"reference": comparison.reference[:1], "scan": None, "entries": (entry,) * 60}
    page = write_report(replace(comparison, **one_frame), folder / "page.html")
    switches = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command = [shutil.which("chromium"), *switches, f"--print-to-pdf={folder / 'page.pdf'}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder / "page.pdf"


def test_a_printed_page_has_its_images(printed):
    streams = re.findall(rb"/Subtype\s*/Image\b.*?stream\r?\n(.*?)\r?\nendstream", printed.read_bytes(), re.DOTALL)
    levels = [len(set(zlib.decompress(stream))) for stream in streams]
    # Of many colours, where a canvas that was not drawn is black.
    assert sum(count > 50 for count in levels) > 60


def test_a_printed_table_repeats_its_head_and_no_heading_stands_alone(printed):
    if not shutil.which("pdftotext"):
        pytest.skip("needs pdftotext")
    text = subprocess.run(["pdftotext", "-layout", printed, "-"], check=True, capture_output=True, text=True).stdout
    sheets = [[line.strip() for line in sheet.splitlines() if line.strip()] for sheet in text.split("\f")]
    of_table = re.compile(r"Total variation no\. \d+ +27\.50")
    with_scores = [sheet for sheet in sheets if any(of_table.match(line) for line in sheet)]
    assert len(with_scores) > 1
    assert all(any(line.startswith("Method") for line in sheet) for sheet in with_scores)
    headings = set(re.findall(r"<h[23][^>]*>([^<]*)<", printed.with_name("page.html").read_text()))
    assert not [sheet[-1] for sheet in sheets if sheet and sheet[-1] in headings]


def test_without_scripts_still_images_and_the_table_remain(driver, page):
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.get(page.as_uri())
        time.sleep(0.2)
        stills = driver.find_elements("css selector", ".panel img")
        assert len(stills) == 4
        assert all(one.is_displayed() for one in stills)
        assert all(one.size["height"] > 100 for one in stills)
        assert not driver.find_element("css selector", ".panel .image").is_displayed()
        notice = driver.find_element("css selector", ".viewer .notice")
        assert notice.is_displayed()
        assert "2 of 3" in notice.text
        assert "34.00" in driver.find_element("css selector", "#scores").text
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
