"""The page in headless Chromium: what a visitor clicks works, and it fits a phone."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from occbench.leaderboard.merge import merge
from occbench.leaderboard.page import to_html

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (pip install occbench[test])")

Make = Callable[..., Path]
Browser = Any

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("no Chromium with chromedriver here (Debian: apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    yield browser
    browser.quit()


@pytest.fixture
def browser(chromium: Browser, six: list[Path], tmp_path: Path) -> Iterator[Browser]:
    """The page of six methods, 1280 px wide; afterwards the console has to be empty."""
    page = tmp_path / "leaderboard.html"
    page.write_text(to_html(merge(six, baseline="telea")), encoding="utf-8")
    resize(chromium, 1280, 900)
    chromium.get_log("browser")
    chromium.get(page.as_uri())
    yield chromium
    assert chromium.get_log("browser") == []


def resize(browser: Browser, width: int, height: int) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def cells(browser: Browser, key: str) -> list[str]:
    """The first lines of a column's cells, from top to bottom."""
    script = "return [...document.querySelectorAll(`tbody tr:not([hidden]) [data-key='${arguments[0]}']`)].map(c => c.innerText)"
    return [text.split("\n")[0] for text in browser.execute_script(script, key)]


def methods(browser: Browser) -> list[str]:
    script = "return [...document.querySelectorAll('.board tbody tr:not([hidden]) .name')].map(c => c.firstChild.textContent)"
    return [str(name) for name in browser.execute_script(script)]


def click(browser: Browser, selector: str) -> None:
    browser.find_element("css selector", selector).click()


def choose(browser: Browser, control: str, value: str) -> None:
    click(browser, f"[data-control='{control}'] option[value='{value}']")


def sort_of(browser: Browser, key: str) -> str | None:
    found = browser.find_element("css selector", f"th[data-key='{key}']").get_attribute("aria-sort")
    return None if found is None else str(found)


RANKED = ["biharmonic", "navier-stokes", "telea", "blur-fill", "mean-face", "occluded"]


def test_the_script_shows_what_the_server_wrote(browser: Browser, six: list[Path]) -> None:
    shown = browser.execute_script("return document.querySelector('.board tbody').innerText")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.refresh()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert browser.execute_script("return document.querySelector('.controls').hidden")
    assert browser.execute_script("return document.querySelector('.board tbody').innerText") == shown


def test_a_click_on_a_header_sorts(browser: Browser) -> None:
    assert methods(browser) == RANKED
    click(browser, "th[data-key='m:lpips'] button")
    values = [float(text) for text in cells(browser, "m:lpips")]
    assert values == sorted(values)
    assert methods(browser) != RANKED
    assert (sort_of(browser, "m:lpips"), sort_of(browser, "rank")) == ("ascending", None)
    click(browser, "th[data-key='m:lpips'] button")
    assert [float(text) for text in cells(browser, "m:lpips")] == sorted(values, reverse=True)
    assert sort_of(browser, "m:lpips") == "descending"


def test_the_keyboard_sorts_too(browser: Browser) -> None:
    browser.find_element("css selector", "th[data-key='name'] button").send_keys("\n")
    assert methods(browser) == sorted(RANKED)
    assert sort_of(browser, "name") == "ascending"


def test_the_best_by_psnr_comes_first(browser: Browser) -> None:
    click(browser, "th[data-key='m:psnr_mask'] button")
    assert methods(browser) == RANKED
    assert sort_of(browser, "m:psnr_mask") == "descending"


@pytest.mark.parametrize("stratum", ["coverage 0.5+", "occluder hand", "yaw 15-30", "variant mask/plain", "source lfw"])
def test_a_stratum_changes_the_values(browser: Browser, six: list[Path], stratum: str) -> None:
    (section,) = merge(six)
    before = cells(browser, "m:psnr_mask")
    choose(browser, "stratum", stratum)
    by, _, label = stratum.partition(" ")
    figures = [row.result.strata[by, label]["psnr_mask"] for row in section.rows]
    assert cells(browser, "m:psnr_mask") == [f"{figure.value:.2f}" for figure in figures]
    assert cells(browser, "n") == [f"{figure.n:,}" for figure in figures]
    assert "rank and ties are those of all pairs" in browser.find_element("css selector", "[data-status]").text
    choose(browser, "stratum", "")
    assert cells(browser, "m:psnr_mask") == before


def test_gains_instead_of_values(browser: Browser) -> None:
    choose(browser, "view", "gain")
    assert cells(browser, "m:lpips")[0].startswith("+")
    assert cells(browser, "m:lpips")[-1] == "0.0000"
    click(browser, "th[data-key='m:lpips'] button")
    values = [float(text) for text in cells(browser, "m:lpips")]
    assert values == sorted(values, reverse=True)
    assert sort_of(browser, "m:lpips") == "descending"


def test_columns_and_tracks(browser: Browser) -> None:
    visible = "return [...document.querySelectorAll('thead th[data-key^=\"m:\"]')].filter(h => !h.hidden).map(h => h.dataset.key)"
    choose(browser, "columns", "mask")
    assert browser.execute_script(visible) == ["m:psnr_mask", "m:ssim_mask"]
    choose(browser, "columns", "all")
    assert len(browser.execute_script(visible)) == 9
    choose(browser, "track", "blind")
    assert methods(browser) == ["mean-face", "occluded"]


def test_plots(browser: Browser) -> None:
    def shapes(kind: str, plot: str) -> int:
        return len(browser.find_elements("css selector", f"[data-plot='{plot}'] svg {kind}"))

    # The occluded input gains nothing by definition: it is the zero line.
    assert (shapes("polyline", "coverage"), shapes("polygon", "coverage"), shapes("rect", "occluder")) == (5, 5, 30)
    click(browser, ".legend button")
    assert (shapes("polyline", "coverage"), shapes("rect", "occluder")) == (4, 24)
    assert browser.find_element("css selector", ".legend button").get_attribute("aria-pressed") == "false"
    label = browser.find_element("css selector", "[data-plot='coverage'] svg").get_attribute("aria-label")
    assert label.startswith("Gain in PSNR (mask) of 4 methods over 0.0-0.1, 0.1-0.2")
    choose(browser, "metric", "6")
    assert "gain in LPIPS" in browser.find_element("css selector", "[data-plot='occluder'] svg").get_attribute("textContent")
    rows = browser.execute_script("return document.querySelectorAll(\"[data-plot='coverage'] details tbody tr\").length")
    assert rows == 4


def test_light_and_dark(browser: Browser) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    dark = browser.execute_script(ground)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "light"}]})
    light = browser.execute_script(ground)
    assert light != dark
    for expected in (dark, light):
        click(browser, "#theme")
        assert browser.execute_script(ground) == expected


def test_a_phone_shows_all_without_overflow(browser: Browser) -> None:
    resize(browser, 390, 844)
    browser.refresh()
    for control, value in (("columns", "all"), ("view", "gain")):
        choose(browser, control, value)
    browser.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    box = "document.querySelector('.scroll')"
    assert browser.execute_script(f"return {box}.scrollWidth > {box}.clientWidth")
    left = "document.querySelector('tbody .name').getBoundingClientRect().left"
    left = f"{box}.scrollLeft = 400; return {left} - {box}.getBoundingClientRect().left"
    assert abs(browser.execute_script(left)) <= 2


def test_long_and_hostile_names(chromium: Browser, make_result: Make, tmp_path: Path) -> None:
    name = "x</script><img src=x onerror=document.title='pwned'>" + "w" * 40
    page = tmp_path / "page.html"
    page.write_text(to_html(merge([make_result(name, "x"), make_result("telea")], baseline="telea")), encoding="utf-8")
    resize(chromium, 390, 844)
    chromium.get_log("browser")
    chromium.get(page.as_uri())
    assert name in methods(chromium)
    assert chromium.title == "Face de-occlusion leaderboard"
    assert chromium.execute_script("return document.documentElement.scrollWidth") == 390
    assert chromium.get_log("browser") == []
