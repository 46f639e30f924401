"""The report in a real browser, at the width of a desk and of a phone: what people do with it works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blase.results.report import report_html
from blase.results.result import FitResult
from headless_browser import Page, opened

pytestmark = pytest.mark.slow
SIZES = {"desktop": (1280, 900, False), "phone": (390, 844, True)}
VISIBLE = "const b = arguments[0].getBoundingClientRect(); return [b.width, b.height]"


@pytest.fixture(scope="module", params=SIZES)
def page(
    request: pytest.FixtureRequest,
    result_factory: Callable[..., FitResult],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Page]:
    """The report of the hand-made result in a window."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report_html(result_factory()), encoding="utf-8")
    width, height, dark = SIZES[request.param]
    with opened(path.as_uri(), width=width, height=height, dark=dark) as window:
        yield window


def text(page: Page, css: str) -> str:
    return str(page.run("return document.querySelector(arguments[0]).textContent", css))


def click(page: Page, css: str) -> None:
    page.run("document.querySelector(arguments[0]).click()", css)


def type_into(page: Page, css: str, words: str) -> None:
    code = "const e = document.querySelector(arguments[0]); e.value = arguments[1];"
    code += "for (const n of ['input', 'change']) { e.dispatchEvent(new Event(n, { bubbles: true })); }"
    page.run(code, css, words)


def column(page: Page, number: int) -> list[str]:
    code = "return [...document.querySelectorAll('#line-table tbody tr')]"
    return list(page.run(code + ".map((row) => row.cells[arguments[0]].textContent)", number))


PICTURE = """const c = document.querySelector(arguments[0]);
  const data = new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer);
  let hash = 17;
  for (const value of data) { hash = (31 * hash + value) | 0; }
  return [new Set(data).size, hash]"""


def picture(page: Page, css: str) -> tuple[int, int]:
    """Number of colours and a hash of a canvas, once what was asked for is drawn."""
    page.wait_for_drawing()
    colours, digest = page.run(PICTURE, css)
    return colours, digest


def point(page: Page, x: float, y: float) -> None:
    """Move the pointer to a fraction x of the axis of wavelength and y of the height of the panel."""
    code = "const c = document.querySelector('#panel'), b = c.getBoundingClientRect();"
    code += "const left = b.width < 560 ? 44 : 56;"
    code += "c.dispatchEvent(new PointerEvent('pointermove', { pointerId: 1, bubbles: true,"
    code += "clientX: b.left + left + arguments[0] * (b.width - left - 10),"
    code += "clientY: b.top + arguments[1] * b.height }))"
    page.run(code, x, y)


def wavelength(page: Page) -> float:
    return float(text(page, "#readout").split(" Å")[0])


def test_it_loads_without_a_message_in_the_console_and_fits_the_window(page: Page) -> None:
    assert page.console() == []
    wide, inner = page.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= inner
    for css in ("#panel", "#strip", "#histogram", "#line-table"):
        width, height = page.run(VISIBLE.replace("arguments[0]", f"document.querySelector('{css}')"))
        assert width > 200 and height > 20


def test_every_canvas_shows_more_than_one_colour(page: Page) -> None:
    for css in ("#panel", "#strip", "#histogram", "#curve"):
        assert picture(page, css)[0] > 10


def test_pointing_reads_the_spectrum_and_names_the_line(page: Page) -> None:
    click(page, "#reset")
    page.wait_for_drawing()
    point(page, 0.5, 0.3)
    middle = wavelength(page)
    assert middle == pytest.approx(8600 + 0.05 * 299 / 2, abs=0.06) and "σ" in text(page, "#readout")
    type_into(page, "#goto", "8604.724")
    page.wait_for_drawing()
    point(page, 0.5, 0.3)
    card = text(page, "#line-card")
    assert "Line 1" in card and "120.00" in card  # 0.12 Å
    assert "0.301" in card  # strength twice that of the clone


def span(page: Page) -> float:
    """Wavelengths [Angstrom] between a fifth and four fifths of the panel."""
    page.wait_for_drawing()
    edges = []
    for x in (0.2, 0.8):
        point(page, x, 0.3)
        edges.append(wavelength(page))
    return edges[1] - edges[0]


def test_the_first_card_is_of_a_line_in_the_panel(page: Page) -> None:
    """The second order has no line; the first has four, of which the strongest has no error either."""
    click(page, "#reset")
    page.press("#panel", "escape")
    click(page, "#next-order")
    assert "No line is in view" in text(page, "#line-card")
    click(page, "#previous-order")
    assert "Line 1" in text(page, "#line-card h3")
    type_into(page, "#goto", "8611.9")
    assert "Line 2" in text(page, "#line-card h3")
    click(page, "#reset")


def test_zoom_and_move_by_button_and_by_key(page: Page) -> None:
    click(page, "#reset")
    whole = span(page)
    click(page, "#zoom-in")
    assert span(page) == pytest.approx(whole / 2, abs=0.2)
    page.press("#panel", "+")
    assert span(page) == pytest.approx(whole / 4, abs=0.2)
    point(page, 0.5, 0.3)
    before = wavelength(page)
    page.press("#panel", "right")
    page.wait_for_drawing()
    point(page, 0.5, 0.3)
    assert wavelength(page) > before + 0.3
    page.press("#panel", "-")
    assert span(page) == pytest.approx(whole / 2, abs=0.2)
    page.press("#panel", "0")
    assert span(page) == pytest.approx(whole, abs=0.1)
    page.press("#panel", "page down")
    page.wait_for_drawing()
    point(page, 0.5, 0.3)
    assert wavelength(page) > 8700.0  # the second order
    page.press("#panel", "page up")
    page.press("#panel", "n")
    assert "Line" in text(page, "#line-card h3")


def into_view(page: Page, css: str) -> None:
    page.run(
        "document.querySelector(arguments[0]).scrollIntoView({ block: 'center', behavior: 'instant' })", css
    )


def test_the_wheel_zooms_where_the_panel_is_in_focus_and_scrolls_where_not(page: Page) -> None:
    into_view(page, "#panel")
    click(page, "#reset")
    whole = span(page)
    page.run("document.activeElement.blur()")
    page.wheel("#panel", -120)
    assert span(page) == pytest.approx(whole, abs=0.1)
    into_view(page, "#panel")
    page.run("document.querySelector('#panel').focus({ preventScroll: true })")
    page.wheel("#panel", -120)
    nearer = span(page)
    assert nearer < 0.9 * whole
    page.wheel("#panel", 120)
    assert span(page) > 1.1 * nearer


def test_a_pinch_zooms(page: Page) -> None:
    if not page.run("return navigator.maxTouchPoints > 0"):
        return  # the desk has no touch screen
    into_view(page, "#panel")
    click(page, "#reset")
    whole = span(page)
    page.pinch("#panel", start=60, end=180)
    near = span(page)
    assert near == pytest.approx(whole / 3, rel=0.2)
    page.pinch("#panel", start=180, end=60)
    assert span(page) > 1.5 * near


def test_the_regularisation_curve_is_read_by_pointer_and_key(page: Page) -> None:
    into_view(page, "#curve")
    assert picture(page, "#curve")[0] > 10
    assert "× 1 (chosen)" in text(page, "#curve-readout")
    before = picture(page, "#curve")
    page.press("#curve", "right")
    said = text(page, "#curve-readout")
    assert "× 8" in said and "0.300 %" in said and "0.780 %" in said and "−4.5" in said
    assert picture(page, "#curve") != before
    page.run(
        "const c = document.querySelector('#curve'), b = c.getBoundingClientRect();"
        "c.dispatchEvent(new PointerEvent('pointermove', { clientX: b.left + 60, clientY: b.top + 50 }))"
    )
    said = text(page, "#curve-readout")
    assert "× 1/16" in said and "2.000 %" in said and "−940.0" in said


def test_dragging_moves(page: Page) -> None:
    into_view(page, "#panel")
    click(page, "#reset")
    click(page, "#zoom-in")
    page.wait_for_drawing()
    point(page, 0.5, 0.3)
    before = wavelength(page)
    page.drag("#panel", by=-60)
    page.wait_for_drawing()
    point(page, 0.5, 0.3)
    assert wavelength(page) > before + 0.2


def test_parts_switch_off_and_on(page: Page) -> None:
    click(page, "#reset")
    shown = picture(page, "#panel")
    for part in ("model", "star", "telluric", "theory", "lines"):
        click(page, f".parts input[data-part={part}]")
        assert picture(page, "#panel") != shown, part
        click(page, f".parts input[data-part={part}]")
        assert picture(page, "#panel") == shown, part


def test_lines_are_searched_filtered_and_sorted(page: Page) -> None:
    assert sorted(column(page, 0)) == ["0", "1", "2", "3"]
    type_into(page, "#search", "8604-8611")
    assert sorted(column(page, 0)) == ["1", "2"]
    type_into(page, "#search", "8605")
    assert column(page, 0) == ["1"]
    type_into(page, "#search", "")
    type_into(page, "#filter-origin", "telluric")
    assert column(page, 0) == ["2"]
    type_into(page, "#filter-origin", "")
    type_into(page, "#filter-status", "added")
    assert column(page, 0) == ["3"] and "added" in column(page, 9)[0]
    type_into(page, "#filter-status", "")
    assert column(page, 0) == ["1", "2", "0", "3"]  # by equivalent width, as no departure is known
    click(page, "#line-table thead th:nth-child(4) button")
    assert column(page, 0) == ["3", "0", "2", "1"]
    head = "#line-table thead th:nth-child(4)"
    code = "return document.querySelector(arguments[0]).getAttribute('aria-sort')"
    assert page.run(code, head) == "ascending"


def test_the_name_of_a_line_shows_it_in_the_panel(page: Page) -> None:
    click(page, "tr[data-line='2'] button")
    assert "Line 2" in text(page, "#line-card")
    page.wait_for_drawing()
    point(page, 0.5, 0.3)
    assert abs(wavelength(page) - 8610.0) < 0.1
    assert page.run("return document.activeElement.id") == "panel"


def test_tables_of_the_page_sort(page: Page) -> None:
    code = """const table = [...document.querySelectorAll('main table')]
      .find((t) => t.caption.textContent.startsWith('The worst stretches'));
    table.tHead.rows[0].cells[2].querySelector('button').click();
    return [...table.tBodies[0].rows].map((row) => Number(row.cells[2].textContent))"""
    values = page.run(code)
    assert len(values) > 5 and values == sorted(values)


def test_light_and_dark_by_the_button(page: Page) -> None:
    paper = "return getComputedStyle(document.body).backgroundColor"
    seen = {}
    for _ in range(3):
        click(page, "#theme")
        seen[text(page, "#theme")] = page.run(paper)
    assert seen["Colours: light"] == "rgb(255, 255, 255)"
    assert seen["Colours: dark"] != seen["Colours: light"]


def test_the_strip_goes_to_the_order_that_is_chosen(page: Page) -> None:

    click(page, "#reset")
    page.run("document.querySelector('#strip').focus()")
    page.press("#strip", "down", "right")
    assert "order 7" in text(page, "#strip-readout")
    page.press("#strip", "enter")
    assert page.run("return document.querySelector('#order').value") == "1"
    assert page.console() == []


def test_a_page_without_orders_loads(result_factory: Callable[..., FitResult], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(report_html(result_factory(orders=())), encoding="utf-8")
    with opened(path.as_uri(), width=800, height=600) as window:
        assert window.console() == []
        assert "No order was fitted" in text(window, "main")
