"""The page in a real browser, opened as a file: it works without a network, and people can use it.

Needs Debian's packages chromium and chromium-driver. Screenshots go to the folder that DASK_SYNTH_SCREENSHOTS names.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from dask_synth.dataset import Dataset
from dask_synth.reporting.report import report
from tests.reporting.report_data import HOSTILE, LIVING, made_up_verdict, put_verdict, small_dataset, summarise_dataset

pytestmark = pytest.mark.xdist_group("browser")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
DESKTOP, PHONE = (1200, 900), (390, 844)
FAILING = "mean.web.cpu_p95.weekend"

# Bokeh draws inside shadow roots, which the usual selectors do not enter.
FIND_ALL = """
const found = [];
const walk = (root) => {
  for (const node of root.querySelectorAll('*')) {
    if (node.matches(arguments[0])) found.push(node);
    if (node.shadowRoot) walk(node.shadowRoot);
  }
};
walk(document);
return found;
"""
WHERE = """
const view = Array.from(Bokeh.index).find((root) => root.model.name === arguments[0]);
const mean = view.model.renderers[0].data_source.data.mean;
const day = view.model.renderers[0].data_source.data.day;
const at = arguments[1];
const frame = view.frame.bbox, box = view.el.getBoundingClientRect();
return {
  x: box.left + view.frame.x_scale.compute(day[at]), y: box.top + view.frame.y_scale.compute(mean[at]), mean: mean[at],
};
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    changes = {"fleet.business_units": HOSTILE, "fleet.servers": 60, "time.end_date": "2024-12-31"}
    dataset = small_dataset(tmp_path_factory.mktemp("page") / "fleet", changes)
    put_verdict(dataset, made_up_verdict(dataset, failing=FAILING))
    return dataset


@pytest.fixture(scope="module")
def page(dataset: Dataset) -> str:
    return report(dataset.path)[1].as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, page: str) -> Iterator[WebDriver]:
    driver = shutil.which("chromedriver")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not (driver and chromium):
        if os.environ.get("CI"):
            pytest.fail("no browser: install Debian's packages chromium and chromium-driver")
        pytest.skip("needs a browser: Debian's packages chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield browser
    finally:
        browser.quit()


def open_page(browser: WebDriver, page: str, size: tuple[int, int]) -> None:
    resize(browser, *size)
    browser.get(page)
    for log in ("performance", "browser"):
        browser.get_log(log)
    browser.get(page)
    chosen = "return document.querySelectorAll('[data-chosen]').length > 0 && Bokeh.documents[0]?.is_idle"
    WebDriverWait(browser, 30).until(lambda it: it.execute_script(chosen))


def resize(browser: WebDriver, width: int, height: int) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def choose(browser: WebDriver, title: str, value: str) -> None:
    """Pick an entry by what it says."""
    for group in browser.execute_script(FIND_ALL, ".bk-input-group"):
        label = browser.execute_script("return arguments[0].querySelector('label')?.textContent ?? ''", group)
        if label.strip() == title:
            select = browser.execute_script("return arguments[0].querySelector('select')", group)
            browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", select)
            Select(select).select_by_visible_text(value)
            return
    raise AssertionError(f"no picker {title!r}")


def look_for(browser: WebDriver, text: str) -> None:
    """Type into the box for single servers, and take the first that is offered."""
    for group in browser.execute_script(FIND_ALL, ".bk-input-group"):
        label = browser.execute_script("return arguments[0].querySelector('label')?.textContent ?? ''", group)
        if label.strip() == "Single server":
            box = browser.execute_script("return arguments[0].querySelector('input')", group)
            browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", box)
            box.clear()
            box.send_keys(text, Keys.ENTER)
            return
    raise AssertionError("no box for single servers")


def headings(browser: WebDriver) -> list[str]:
    nodes: list[Any] = browser.execute_script(FIND_ALL, "[data-chosen]")
    return [node.text for node in nodes]


def screenshot(browser: WebDriver, name: str, width: int) -> None:
    height = browser.execute_script("return document.documentElement.scrollHeight")
    resize(browser, width, height)
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    png = browser.get_screenshot_as_png()
    assert len(png) > 50_000
    if folder := os.environ.get("DASK_SYNTH_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, name).write_bytes(png)


def test_the_page_opens_without_a_network_or_an_error(browser: WebDriver, page: str) -> None:
    open_page(browser, page, DESKTOP)
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [page]
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")] == []
    assert browser.title.startswith("60 synthetic servers")
    screenshot(browser, "report-desktop.png", DESKTOP[0])


def test_the_page_says_what_was_found(browser: WebDriver, page: str, dataset: Dataset) -> None:
    open_page(browser, page, DESKTOP)
    text = browser.find_element("tag name", "body").text
    assert "Not valid: 1 of 65 checks failed" in text
    assert f"{FAILING}: " in text
    for group in summarise_dataset(dataset).groups:
        assert f"{group.name}: {group.servers:,} servers" in text
        for mean, expected in zip(group.level[0], group.level[3], strict=True):
            assert f" {mean:,.2f} {expected:,.2f} " in text
    assert dataset.manifest.run_id in text


def test_the_pickers_change_what_the_charts_show(browser: WebDriver, page: str, dataset: Dataset) -> None:
    open_page(browser, page, DESKTOP)
    assert headings(browser)[0] == "whole fleet, CPU"
    choose(browser, "Server type", "database")
    choose(browser, "Metric", "memory")
    choose(browser, "Points", "each day")
    server = next(name for name, kind in summarise_dataset(dataset).layout.sample if kind == "database")
    look_for(browser, server)
    assert headings(browser)[:3] == ["database, memory"] * 3
    assert browser.find_element("id", "server-facts").text.startswith(f"{server}: ")
    group = summarise_dataset(dataset).group("database")
    assert group is not None
    drawn = browser.execute_script(WHERE, "time", 40)
    assert drawn["mean"] == pytest.approx(group.series[0, 1, 40], abs=0.01)
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_hovering_a_point_shows_its_day_and_values(browser: WebDriver, page: str, dataset: Dataset) -> None:
    open_page(browser, page, DESKTOP)
    choose(browser, "Points", "each day")
    browser.execute_script("document.getElementById('chart-time').scrollIntoView({block: 'center'})")
    point = browser.execute_script(WHERE, "time", 200)
    ActionChains(browser).move_by_offset(int(point["x"]), int(point["y"])).perform()

    def tooltips(it: WebDriver) -> str:
        nodes = it.execute_script(FIND_ALL, ".bk-Tooltip")
        return " ".join(it.execute_script("return arguments[0].shadowRoot?.textContent ?? ''", node) for node in nodes)

    text = WebDriverWait(browser, 10).until(lambda it: (text := tooltips(it)) and "mean" in text and text)
    day = summarise_dataset(dataset).layout.period_starts()[200]
    assert any(str(day + offset) in text for offset in (-1, 0, 1))
    assert "10% to 90%" in text


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: WebDriver, page: str) -> None:
    open_page(browser, page, PHONE)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
    screenshot(browser, "report-phone.png", PHONE[0])


def test_every_figure_has_a_label_and_a_caption(browser: WebDriver, page: str) -> None:
    open_page(browser, page, DESKTOP)
    figures = browser.find_elements("tag name", "figure")
    assert len(figures) == 5
    for figure in figures:
        assert len(figure.get_attribute("aria-label") or "") > 20
        assert len(figure.find_element("tag name", "figcaption").text) > 20


def test_it_prints_to_pages_with_all_of_its_text(browser: WebDriver, page: str) -> None:
    open_page(browser, page, DESKTOP)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not browser.find_element("css selector", ".pickers").is_displayed()
    assert browser.find_element("id", "verdict").is_displayed()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert len(browser.print_page()) > 50_000


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return small_dataset(tmp_path_factory.mktemp("living") / "fleet", LIVING)


@pytest.fixture(scope="module")
def living_page(living: Dataset) -> str:
    return report(living.path)[1].as_uri()


def drawn(browser: WebDriver, chart: str, renderer: int, column: str) -> list[Any]:
    """Return a column of what a chart's renderer draws."""
    code = """
    const view = Array.from(Bokeh.index).find((root) => root.model.name === arguments[0]);
    const column = view.model.renderers[arguments[1]].data_source.data[arguments[2]];
    return Array.from(column, (it) => ArrayBuffer.isView(it) ? Array.from(it) : it);
    """
    found: list[Any] = browser.execute_script(code, chart, renderer, column)
    return found


def test_any_server_of_a_living_fleet_can_be_looked_at(browser: WebDriver, living_page: str, living: Dataset) -> None:
    open_page(browser, living_page, DESKTOP)
    summary = summarise_dataset(living)
    choose(browser, "Points", "each day")
    for text, server in (("37", 37), ("server_005", 5)):
        look_for(browser, text)
        facts = browser.find_element("id", "server-facts").text
        assert facts.startswith(f"server_{server:03d}: {'web' if server < 24 else 'batch'}, ")
        series = summary.each.series[server, 0]
        step = np.ptp(series) / 254
        np.testing.assert_allclose(drawn(browser, "time", 0, "server"), series, atol=step)
        assert drawn(browser, "levels", 3, "mean") == pytest.approx([summary.each.mean[0, server]], rel=1e-6)
    choose(browser, "Server type", "batch")  # server_005 is no batch server
    assert browser.find_element("id", "server-facts").text == ""
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_a_click_on_one_of_the_ten_highest_shows_it(browser: WebDriver, living_page: str, living: Dataset) -> None:
    open_page(browser, living_page, DESKTOP)
    highest = summarise_dataset(living).each.highest[0]
    links = browser.find_elements("css selector", "details[open] a[data-server]")
    assert [link.text for link in links] == [server.name for server in highest]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", links[3])
    links[3].click()
    assert browser.find_element("id", "server-facts").text.startswith(f"{highest[3].name}: ")


def test_pools_regions_and_levels_follow_the_pickers(browser: WebDriver, living_page: str, living: Dataset) -> None:
    open_page(browser, living_page, DESKTOP)
    each = summarise_dataset(living).each
    assert sorted(drawn(browser, "levels", 1, "name")) == [f"server_{i:03d}" for i in range(48)]
    choose(browser, "Server type", "batch")
    choose(browser, "Metric", "network in")
    together, values = each.together[1]
    assert together.archetype == "batch"
    assert drawn(browser, "pool", 0, "name") == [f"server_{i:03d}" for i in together.pool]
    lines = np.array(drawn(browser, "pool", 0, "ys") + drawn(browser, "alone", 0, "ys"))
    np.testing.assert_allclose(lines, values[:, 3], atol=np.ptp(values[:, 3], axis=1).max() / 254)
    np.testing.assert_allclose(drawn(browser, "local", 1, "r1"), each.local[2, 3, 1], atol=1000 / 65_000)
    np.testing.assert_allclose(np.sum(drawn(browser, "kin", 1, "pool")), 100)
    screenshot(browser, "report-living-desktop.png", DESKTOP[0])
    open_page(browser, living_page, PHONE)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
    screenshot(browser, "report-living-phone.png", PHONE[0])
