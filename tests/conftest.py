"""What all tests share: real data and a browser where they are at hand, torch's threads and compiled networks."""

import getpass
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from fourfold.scan import Scan, Source

DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_configure():
    """One thread each, since there are several workers; OMP_NUM_THREADS asks for more.

    torch's cache of compiled networks does not say which vector instructions they need: each kind has its own folder.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    instructions = torch.backends.cpu.get_cpu_capability().replace(" ", "_")
    folder = Path(tempfile.gettempdir()) / f"fourfold-tests-{getpass.getuser()}-{instructions}"
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))


@pytest.fixture
def data():
    """Folder of real MRI data; the test is skipped where it is absent."""
    if not DATA.is_dir():
        pytest.skip("needs the real MRI data, which is not part of the project")
    return DATA


@pytest.fixture
def raw(data):
    """Load a fully sampled multi-coil scan of the real data by name."""

    def load(name: str, folder: str = "raw_multicoil") -> Scan:
        kspace = torch.from_numpy(np.load(data / folder / f"{name}.npz")["kspace"])
        kspace = kspace.reshape((-1, *kspace.shape[-3:]))
        return Scan(kspace, source=Source(label=name))

    return load


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    selenium = pytest.importorskip("selenium.webdriver", reason="needs selenium to drive a browser")
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not chromedriver:
        pytest.skip("needs chromium and chromedriver")
    from selenium.webdriver.chrome.service import Service

    options = selenium.ChromeOptions()
    options.binary_location = chromium
    for switch in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "force-device-scale-factor=1",
        f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
        "window-size=1400,1000",
    ):
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = selenium.Chrome(options=options, service=Service(chromedriver))
    yield browser
    browser.quit()


@pytest.fixture
def set_screen(driver):
    """Show pages on a screen of a width in CSS pixels, until the test ends."""

    def set_width(width, scale=1):
        screen = {"width": width, "height": 900, "deviceScaleFactor": scale, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)

    yield set_width
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
