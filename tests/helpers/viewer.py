"""A page in headless Chromium."""

import base64

import numpy as np
from tests.helpers.report_images import NX, NY


class Viewer:
    """A page in headless Chromium."""

    def __init__(self, driver, page):
        self.driver = driver
        self.driver.get(page.as_uri())
        self.settle()

    def script(self, code, *arguments):
        return self.driver.execute_script(code, *arguments)

    def settle(self):
        """Wait until what was changed has been drawn."""
        self.driver.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30)));"
        )

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def text(self, selector):
        return self.script("return document.querySelector(arguments[0]).textContent", selector)

    def number(self, selector):
        return float(self.text(selector).replace("−", "-").split(" ")[0])

    def canvases(self, kind="image"):
        return self.driver.find_elements("css selector", f".panel .{kind}")

    def pixels(self, kind="image"):
        """The drawn pixels of one kind of canvas, each (y, x, 4)."""
        code = """
            return [...document.querySelectorAll(arguments[0])].map((canvas) => {
              const { width, height } = canvas;
              if (!width || !canvas.clientWidth) return null;
              const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
              let text = "";
              for (let i = 0; i < data.length; i += 8192) text += String.fromCharCode(...data.subarray(i, i + 8192));
              return [height, width, btoa(text)];
            });"""
        drawings = self.script(code, f".panel .{kind}")
        return [
            None if one is None else np.frombuffer(base64.b64decode(one[2]), np.uint8).reshape(one[0], one[1], 4)
            for one in drawings
        ]

    def at(self, kind, place, y, x):
        """The grey or colour drawn in the middle of image pixel (y, x), unzoomed."""
        drawn = self.pixels(kind)[place]
        height, width = drawn.shape[:2]
        return drawn[int((y + 0.5) / NY * height), int((x + 0.5) / NX * width), :3].astype(int)

    def actions(self):
        from selenium.webdriver.common.action_chains import ActionChains

        return ActionChains(self.driver, duration=0)

    def do(self, actions):
        actions.perform()
        self.settle()

    def offset(self, canvas, y, x):
        """Offsets from a canvas's middle, in CSS pixels, of the middle of image pixel (y, x)."""
        # The driver counts from the middle of what is visible of the canvas.
        self.script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", canvas)
        size = canvas.size
        return round(((x + 0.5) / NX - 0.5) * size["width"]), round(((y + 0.5) / NY - 0.5) * size["height"])

    def hover(self, canvas, y, x):
        self.do(self.actions().move_to_element_with_offset(canvas, *self.offset(canvas, y, x)))

    def leave(self):
        self.do(self.actions().move_to_element(self.find("h1")))

    def drag(self, canvas, dx, dy, key=None):
        actions = self.actions().move_to_element(canvas)
        if key:
            actions.key_down(key)
        actions.click_and_hold().move_by_offset(dx, dy).release()
        if key:
            actions.key_up(key)
        self.do(actions)
        self.leave()

    def keys(self, *keys):
        self.do(self.actions().send_keys(*keys))

    def choose(self, selector, value):
        """Set a slider or a list as a user does."""
        code = """
            const control = document.querySelector(arguments[0]);
            control.value = arguments[1];
            for (const name of ["input", "change"]) control.dispatchEvent(new Event(name));"""
        self.script(code, selector, value)
        self.settle()


def identical(first, second):
    return first.shape == second.shape and bool((first == second).all())
