"""The Chromium of this machine, without a window, driven by Playwright; what the browser tests drive too."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WITHOUT = (
    # The pages behind the address bar's list, which each new window would load: half of the processor time that a short
    # look at a page takes.
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    # What Playwright goes without: of two such lists Chromium takes the last.
    "AimEnabled",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
"""Features of Chromium that are switched off."""
MISSING = f"no browser on PATH ({', '.join(NAMES)}); Debian: apt-get install chromium"


def executable() -> str | None:
    """The path of a Chromium, None where there is none."""
    return next((path for name in (*NAMES, MAC) if (path := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser.

    Raises:
        FileNotFoundError: this machine has none.
    """
    if (path := executable()) is None:
        raise FileNotFoundError(MISSING)
    # Chromium has no sandbox as root, which is what a container's user often is.
    options = [f"--disable-features={','.join(WITHOUT)}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()
