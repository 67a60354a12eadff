"""Window, zoom, pan and frames by mouse, touch and keys, in a browser."""

import math

import numpy as np
import pytest
from tests.helpers.viewer import identical


def test_grey_follows_the_window_alike_in_all_panels(viewer, comparison):
    viewer.keys("s")
    for level, width in ((50, 100), (60, 20)):
        viewer.choose("#level", level)
        viewer.choose("#window", width)
        for place, extra in ((0, 0), (1, 0), (2, 2)):
            value = float(comparison.reference[1, 10, 20]) + extra
            grey = 255 * min(1, max(0, (value - level + width / 2) / width))
            assert viewer.at("image", place, 10, 20) == pytest.approx([grey] * 3, abs=1)


def test_dragging_sets_the_same_window_for_all(viewer):
    before = viewer.pixels()
    level, width = viewer.number("#level-value"), viewer.number("#window-value")
    viewer.drag(viewer.canvases()[2], 80, -30)
    assert viewer.number("#window-value") == pytest.approx(width * (1 + 80 / 250), abs=0.1)
    assert viewer.number("#level-value") < level
    after = viewer.pixels()
    assert all(not identical(old, new) for old, new in zip(before, after, strict=True))
    # The first method is the reference itself, so both panels must agree in every pixel.
    assert identical(after[0], after[1])
    # A drag along this diagonal moves the white limit alone.
    viewer.drag(viewer.canvases()[1], 60, 30)
    assert all(not identical(old, new) for old, new in zip(after, viewer.pixels(), strict=True))


def test_wheel_zooms_all_panels_around_the_pointer(viewer):
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

    canvas = viewer.canvases()[1]
    viewer.hover(canvas, 10, 30)
    position = viewer.text("#position")
    assert position.endswith("x 30, y 10")
    before, scrolled = viewer.pixels(), viewer.script("return window.scrollY")
    origin = ScrollOrigin.from_element(canvas, *viewer.offset(canvas, 10, 30))
    viewer.do(viewer.actions().scroll_from_origin(origin, 0, -600))
    assert viewer.number("#zoom-value") == pytest.approx(100 * math.exp(0.9), abs=1)
    viewer.hover(canvas, 10, 30)
    assert viewer.text("#position") == position
    after = viewer.pixels()
    assert all(not identical(old, new) for old, new in zip(before, after, strict=True))
    assert identical(after[0], after[1])
    assert viewer.script("return window.scrollY") == scrolled


def test_dragging_with_shift_pans(viewer):
    from selenium.webdriver.common.keys import Keys

    viewer.keys("+", "+", "+", "+")
    level, width = viewer.text("#level-value"), viewer.text("#window-value")
    canvas = viewer.canvases()[1]
    viewer.hover(canvas, 20, 20)
    start = viewer.text("#position")
    viewer.drag(canvas, 40, 25, Keys.SHIFT)
    moved = viewer.actions().move_to_element_with_offset(
        canvas, *np.add(viewer.offset(canvas, 20, 20), (40, 25)).tolist()
    )
    viewer.do(moved)
    assert viewer.text("#position") == start
    assert (viewer.text("#level-value"), viewer.text("#window-value")) == (level, width)


def test_right_drag_pans_and_opens_no_menu(viewer):
    from selenium.webdriver.common.actions.action_builder import ActionBuilder
    from selenium.webdriver.common.actions.mouse_button import MouseButton

    viewer.keys("+", "+", "+", "+")
    canvas = viewer.canvases()[2]
    window = viewer.text("#window-value")
    before = viewer.pixels()
    actions = ActionBuilder(viewer.driver, duration=0)
    actions.pointer_action.move_to(canvas).pointer_down(MouseButton.RIGHT).move_by(30, 0).pointer_up(MouseButton.RIGHT)
    actions.perform()
    viewer.leave()
    after = viewer.pixels()
    # Every panel shows what it showed before, 30 pixels further to the right.
    for old, new in zip(before, after, strict=True):
        difference = np.abs(new[40:-40, 70:-40].astype(int) - old[40:-40, 40:-70])
        assert np.median(difference) <= 3
        assert not identical(old, new)
    assert viewer.text("#window-value") == window


def test_pinch_zooms(viewer):
    box = viewer.script("return document.querySelector('.panel .image').getBoundingClientRect().toJSON()")
    x, y = box["left"] + box["width"] / 2, box["top"] + box["height"] / 2

    def touch(kind, half):
        points = [{"x": x - half, "y": y, "id": 0}, {"x": x + half, "y": y, "id": 1}] if half else []
        viewer.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 20)
    for half in (25, 30, 35, 40):
        touch("touchMove", half)
    touch("touchEnd", 0)
    viewer.settle()
    assert viewer.number("#zoom-value") == pytest.approx(200, abs=5)


def test_click_moves_the_detail_in_all_panels(viewer):
    before = viewer.pixels("detail")
    canvas = viewer.canvases()[1]
    viewer.do(viewer.actions().move_to_element_with_offset(canvas, *viewer.offset(canvas, 30, 25)).click())
    viewer.leave()
    assert viewer.text("#position").endswith("x 25, y 30")
    after = viewer.pixels("detail")
    assert all(not identical(old, new) for old, new in zip(before, after, strict=True))
    assert identical(after[0], after[1])
    viewer.keys("l", "i")
    assert viewer.text("#position").endswith("x 27, y 28")


def test_frame_slider(viewer):
    images = viewer.pixels()
    assert viewer.text("#frame-value") == "2 of 3"
    viewer.choose("#frame", 2)
    assert viewer.text("#frame-value") == "3 of 3"
    assert all(not identical(old, new) for old, new in zip(images, viewer.pixels(), strict=True))
    viewer.keys("p")
    assert all(identical(old, new) for old, new in zip(images, viewer.pixels(), strict=True))


def test_holding_a_key_shows_one_image_everywhere(viewer):
    before = viewer.pixels()
    assert not identical(before[0], before[2])
    for key, place in (("c", 0), ("3", 2)):
        viewer.do(viewer.actions().key_down(key))
        assert all(identical(one, before[place]) for one in viewer.pixels())
        viewer.do(viewer.actions().key_up(key))
        assert all(identical(old, new) for old, new in zip(before, viewer.pixels(), strict=True))


def test_arrow_keys_act_on_the_images_that_have_the_focus(viewer):
    from selenium.webdriver.common.keys import Keys

    start = viewer.pixels()
    viewer.script("document.getElementById('panels').focus()")
    viewer.keys("+", "+")
    assert viewer.number("#zoom-value") == 156
    zoomed = viewer.pixels()
    viewer.keys(Keys.ARROW_LEFT)
    assert not identical(zoomed[0], viewer.pixels()[0])
    viewer.keys(Keys.ARROW_RIGHT)
    assert identical(zoomed[0], viewer.pixels()[0])
    level = viewer.number("#level-value")
    viewer.do(viewer.actions().key_down(Keys.SHIFT).send_keys(Keys.ARROW_UP).key_up(Keys.SHIFT))
    assert viewer.number("#level-value") < level
    viewer.keys("r")
    assert all(identical(old, new) for old, new in zip(start, viewer.pixels(), strict=True))


def test_help_opens_and_closes_by_key(viewer):
    from selenium.webdriver.common.keys import Keys

    viewer.keys("?")
    assert viewer.find("#keys").is_displayed()
    viewer.keys(Keys.ESCAPE)
    assert not viewer.find("#keys").is_displayed()
