"""A table must say the same on the page, in a spreadsheet and in a paper."""

import csv
import io
import re

import pytest

from mdgen.validation.report.html import table
from mdgen.validation.report.tables import Count, Number, Status, Table, to_csv, to_latex

THIRD = 1 / 3
FOUND = Table("t", ["figure", "value", "both"], [
    ["a & b_1", Number(THIRD, interval=[0.25, 0.5]), (Number(0.125, percent=True), Number(None))],
    ["50 % {x} <é>", Number(None), (Number(1.0), Number(2.0, error=0.5))],
    ["plain", "a, \"b\"", "–"]], "What # it is")


@pytest.mark.parametrize("number, text", [
    (Number(0.9612, interval=[0.93, 0.98]), "0.96 (0.93–0.98)"), (Number(0.96, percent=True), "96 %"),
    (Number(0.96, percent=True, interval=[0.93, 0.98]), "96 % (93–98 %)"), (Number(None, interval=[0, 1]), "–"),
    (Number(0.1, interval=[-0.2, 0.3]), "0.10 (-0.20 to 0.30)"), (Number(0.1, interval=[None, None]), "0.10"),
    (Number(-47.486, ".3g", error=21.29), "-47.5 ± 21.3"), (Number(0.08, "+.2f", error=0.034), "+0.08 ± 0.03"),
    (Number(2), "2.00")])
def test_numbers_are_printed_with_what_belongs_to_them(number, text):
    assert str(number) == text


def test_the_brief_text_and_the_range_are_the_two_parts():
    number = Number(0.9612, interval=[0.93, 0.98])
    assert (number.brief, number.range) == ("0.96", "0.93–0.98") and Number(0.5).range == ""


def test_csv_reads_back_every_digit_with_pairs_and_intervals_in_columns_of_their_own():
    header, first, second, third = csv.reader(io.StringIO(to_csv(FOUND)))
    assert header == ["figure", "value", "value, low", "value, high", "both, generated", "both, real held-out",
                      "both, real held-out, error"]
    assert float(first[1]) == THIRD and first[2:6] == ["0.25", "0.5", "0.125", ""]
    assert second[0] == "50 % {x} <é>" and second[1:] == ["", "", "", "1.0", "2.0", "0.5"]
    assert third[:4] == ["plain", 'a, "b"', "", ""]


def test_latex_has_as_many_cells_as_columns_and_nothing_that_latex_would_take_as_a_command():
    text = to_latex(FOUND)
    head, *lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert re.search(r"\\begin{tabular}{(.*)}", text).group(1) == "llr"      # texts left, figures right
    assert all(len(re.split(r"(?<!\\)&", line)) == 3 for line in (head, *lines)) and len(lines) == 3
    assert lines[0] == r"a \& b\_1 & 0.33 (0.25--0.50) & 12 \% / -- \\"
    assert lines[1].startswith(r"50 \% \{x\} \textless{}é\textgreater{} & -- & 1.00 / 2.00 $\pm$ 0.50")
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\end{tabular}")] == [1] * 4
    assert not re.search(r"(?<!\\)[#_^~]", text.split("\n", 1)[1])


def test_a_backslash_is_escaped_once():
    assert to_latex(Table("t", ["\\x{"], [])).splitlines()[2] == r"\textbackslash{}x\{ \\"


def test_a_count_of_0_is_blank_to_read_and_0_to_compute_with():
    counts = Table("t", ["", "a"], [["b", Count(0, "#fff")], ["c", Count(7, "#fff")]])
    assert to_csv(counts) == ",a\nb,0\nc,7\n"
    assert all(f'<td style="background:#fff">{text}</td>' in table(counts) for text in ("", "7"))


def test_the_page_escapes_texts_and_colours_a_status():
    page = table(Table("t", ["<h>"], [["<b>", Status("not measured"), Number(0.5, interval=[0.25, 0.75])]]))
    assert "<b>" not in page and "&lt;h&gt;" in page
    assert '<strong class="not-measured">not measured</strong>' in page
    assert '<td>0.50 <span class="range">(0.25–0.75)</span></td>' in page
