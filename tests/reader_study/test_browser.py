"""A reader study in Chromium: ratings by click, key and drag; nothing is lost when the server is killed."""

import pytest
from tests.helpers.browser_studies import Reader, Server
from tests.helpers.reader_studies import METHODS, make_study, tokens_of

from fourfold.reader_study.folder import close_study
from fourfold.reader_study.ratings import read_ratings

pytest.importorskip("uvicorn", reason="needs uvicorn, extra 'study'")


@pytest.fixture
def server(tmp_path):
    make_study(tmp_path, cases=2, readers=["Anna"], repeats=0.0)
    running = Server(tmp_path / "study")
    yield running
    running.process.kill()
    running.process.wait()


def test_a_reader_rates_and_nothing_is_lost(driver, set_screen, server):
    set_screen(1100)
    token = tokens_of(server.folder)["Anna"]
    anna = Reader(driver, server, token)
    assert token not in driver.current_url
    assert anna.place == "Case 1 of 2"
    brightness = anna.brightness()
    darkest_first = sorted(range(3), key=brightness.__getitem__)

    # A click, then kill −9 as soon as the page says that it is saved; the next clicks wait for the server.
    anna.rate(darkest_first[0], 1)
    anna.saved()
    server.kill()
    anna.rate(darkest_first[1], 2)
    anna.wait_for("return document.getElementById('saved').textContent === 'Not saved'")
    anna.rate(darkest_first[2], 3)
    server.start()
    anna.saved()

    # The same order and ratings after a new start of the page.
    anna = Reader(driver, server, token)
    assert anna.brightness() == brightness
    assert [anna.ratings()[place] for place in darkest_first] == [1, 2, 3]
    assert anna.order() == "".join("ABC"[place] for place in darkest_first)

    # Keys: the second criterion, and its ratings from the first image on. The window is the same for all.
    anna.keys("c", "2")
    for _ in range(2):
        anna.keys("\ue014", "2")  # arrow to the right
    assert anna.ratings() == [2, 2, 2]
    anna.script(
        "document.getElementById('level').value = 0.8;"
        "document.getElementById('level').dispatchEvent(new Event('input'))"
    )
    assert all(new > old for new, old in zip(anna.brightness(), brightness, strict=True))
    anna.saved()
    anna.next()

    # Drag: the last letter to the front ranks all.
    assert anna.place == "Case 2 of 2"
    from selenium.webdriver.common.action_chains import ActionChains

    letters = driver.find_elements("css selector", "#order button")
    actions = ActionChains(driver, duration=50).click_and_hold(letters[2])
    actions.move_to_element_with_offset(letters[1], -10, 0).move_to_element_with_offset(letters[0], -15, 0)
    actions.release().perform()
    assert anna.order() == "CAB"
    assert anna.ratings() == [2, 3, 1]
    anna.keys("c", "1", "\ue014", "1", "\ue014", "1")
    anna.saved()
    anna.next()
    anna.wait_for("return !document.getElementById('done').hidden")

    # Nothing that was received named a method, and the page made no error.
    for answer in anna.requests():
        assert not any(method in answer["url"] + str(answer["headers"]) for method in METHODS)
    errors = [each["message"] for each in driver.get_log("browser") if each["level"] == "SEVERE"]
    assert [each for each in errors if "ERR_CONNECTION" not in each and "Failed to fetch" not in each] == []

    close_study(server.folder)
    ratings = read_ratings(server.folder)
    assert ratings.finished == {"Anna": (2, 2)}
    first = [each for each in ratings.of(ratings.criteria[0]) if each.case == ratings.ratings[0].case]
    assert {(each.method, each.value) for each in first} == {("alpha-net", 1), ("beta-tv", 2), ("gamma-sense", 3)}
