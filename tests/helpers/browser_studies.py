"""A server of a reader study in its own process, and a reader in a browser."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path


class Server:
    """`fourfold reader serve` of a folder, at a port that is free."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        program = "import sys; from fourfold.cli.main import main; main(sys.argv[1:])"
        words = ["reader", "serve", str(self.folder), "--port", str(self.port)]
        self.process = subprocess.Popen([sys.executable, "-c", program, *words], stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                urllib.request.urlopen(self.address, timeout=5).close()
            except OSError:
                assert self.process.poll() is None, "the server ended"
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        """End the process at once, as a lack of memory does."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Reader:
    """A reader in a browser; `driver` shows the page."""

    def __init__(self, driver, server: Server, token: str) -> None:
        self.driver, self.server = driver, server
        # Another address first: a change behind # alone loads nothing.
        driver.get("about:blank")
        driver.get(f"{server.address}/#{token}")
        self.wait_for("return !document.getElementById('study').hidden && document.querySelector('.rate') !== null")

    def script(self, code, *arguments):
        return self.driver.execute_script(code, *arguments)

    def wait_for(self, condition: str, *arguments) -> None:
        for _ in range(1500):
            if self.script(condition, *arguments):
                return
            time.sleep(0.02)
        raise AssertionError(
            f"it never came true: {condition}; the page says {self.script('return document.body.innerText')}"
        )

    @property
    def place(self) -> str:
        return self.script("return document.getElementById('place').textContent")

    def brightness(self) -> list[float]:
        """Return the mean grey of each image as it is drawn."""
        return self.script("""
            return [...document.querySelectorAll(".panel canvas")].map((canvas) => {
              const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              let sum = 0;
              for (let i = 0; i < data.length; i += 4) sum += data[i];
              return sum / (data.length / 4);
            });""")

    def rate(self, place: int, value: int) -> None:
        self.script(
            "document.querySelectorAll('.panel')[arguments[0]].querySelectorAll('.rate')[arguments[1] - 1].click()",
            place,
            value,
        )

    def ratings(self) -> list[int]:
        """Return the pressed rating of each image, 0 where there is none."""
        return self.script("""
            return [...document.querySelectorAll(".panel")].map((panel) =>
              Number(panel.querySelector(".rate[aria-pressed=true]")?.textContent ?? 0));""")

    def saved(self) -> None:
        self.wait_for("return document.getElementById('saved').textContent === 'Saved'")

    def keys(self, *keys) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def order(self) -> str:
        """Return the letters in the order of their ranks."""
        return self.script(
            "return [...document.querySelectorAll('#order button')].map((b) => b.textContent.slice(-1)).join('')"
        )

    def next(self) -> None:
        """Go to the next case, or to the end."""
        before = self.place
        self.script("document.getElementById('next').click()")
        self.wait_for(
            "return !document.getElementById('done').hidden || "
            "document.getElementById('place').textContent !== arguments[0]",
            before,
        )

    def requests(self) -> list[dict]:
        """Return address and headers of each answer since the last call."""
        messages = (json.loads(each["message"])["message"] for each in self.driver.get_log("performance"))
        return [each["params"]["response"] for each in messages if each["method"] == "Network.responseReceived"]
