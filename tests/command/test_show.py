"""What is printed, from narrow terminals to wide ones."""

import io
import re

import pytest
from rich.console import Console

from focalboost.command._show import show_files, show_result, show_split, show_task
from tests.comparison.fakes import fake_comparison

WIDTHS = (60, 80, 100, 120, 200)


def printed(width, *shown, **options):
    console = Console(file=io.StringIO(), width=width, highlight=False, **options)
    for show, what in shown:
        show(console, what)
    return console.file.getvalue()


def words(text):
    return re.sub(r"[\s│]+", "", text)


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_at_any_width(fake, width):
    text = printed(width, (show_task, fake.task), (show_split, fake.split), (show_result, fake))
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    told = [fake.verdict.sentence, *fake.verdict.reasons, *fake.judgement.sentences]
    told += [*fake.split.sentences, *fake.split.warnings, *fake.task.warnings, *fake.task.report.warnings]
    told += [threshold.says for threshold in fake.thresholds]
    for sentence in told:
        assert words(sentence) in words(text)


def test_a_wide_terminal_has_each_measure_in_a_line_with_every_value(fake):
    text = printed(200, (show_result, fake))
    judgement = fake.judgement
    for m, measure in enumerate(judgement.measures):
        (line,) = re.findall(
            rf"^ {re.escape(measure.name)} [↑↓→].*\d\.\d+ +\d+\.\d+ +\d.*$", text, re.MULTILINE
        )[:1]
        numbers = [float(number) for number in re.findall(r"\d+\.\d+", line.split("→")[-1])][-4:]
        expected = dict(zip(judgement.keys, judgement.values[:, m], strict=True))
        assert numbers == pytest.approx(
            [expected[key] for key in ("log_loss", "class_weights", "focal", "untuned")],
            abs=0.51 * 10.0**-measure.digits,
        )


def test_log_loss_has_no_difference_from_itself(fake):
    head = printed(200, (show_result, fake)).partition("Difference from log loss")[2].splitlines()[2]
    assert re.split(r"\s{2,}", head.strip()) == ["class weights", "focal loss", "log loss, untuned"]


def test_the_columns_of_a_narrow_terminal_are_those_that_matter(fake):
    narrow, wide = (printed(width, (show_task, fake.task)) for width in (60, 120))
    for name in ("amount", "hour", "merchant", "card_id", "is_fraud", "category", "dropped"):
        assert name in narrow
    assert "blanks read as missing" in wide
    # Of arguments the options.
    assert "--drop" in wide
    assert "drop=" not in wide


def test_names_are_text_whatever_they_say():
    found = fake_comparison(names=["[red]amount[/red]", "[bold]", ":smile:", "a[/]"], source="[link=x]y.csv")
    text = printed(120, (show_task, found.task), (show_result, found))
    for name in ("[red]amount[/red]", "[bold]", ":smile:", "a[/]", "[link=x]y.csv"):
        assert name in text


def test_a_threshold_by_row_has_no_number():
    found = fake_comparison(cost_missed="amount")
    text = printed(120, (show_result, found)).partition("From which score on")[2]
    assert text.count("probability ") == 1
    assert "probability 0.1834, margin -1.4938" in text


def test_colours_only_where_there_is_a_terminal(fake):
    assert "\x1b" not in printed(80, (show_result, fake))
    assert "\x1b" in printed(80, (show_result, fake), force_terminal=True, color_system="standard")


def test_paths_are_never_broken(tmp_path):
    long = tmp_path / ("x" * 200) / "report.html"
    assert f"report {long}" in printed(60, (show_files, [("--report", long)]))
