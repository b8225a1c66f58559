"""`focalboost compare` as it is typed, with what training finds made up."""

import html
import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from focalboost.command import _outputs, main
from focalboost.comparison import _compare
from focalboost.comparison._task import task_from_file

COSTS = ("--cost-alarm", 10, "--cost-missed", "amount")
TABLE = ("--target", "is_fraud", "--time", "date", "--group", "customer")


def one_line(text):
    return re.sub(r"[\s│]+", " ", text)


# ---------------------------------------------------------------------- what is printed and written
def test_a_table_is_read_shown_compared_and_written(call, made_up, cards):
    shown = call(
        cards,
        *TABLE,
        *COSTS,
        "--drop",
        "hour",
        "--gap",
        "2d",
        "--model",
        "m.ubj",
        "--json",
        "r.json",
        "--seed",
        3,
    )
    ((task, settings),) = made_up
    assert task.source == "cards.csv"
    assert task.feature_names == ["amount"]
    assert (task.time_name, task.group_name, task.amount_name) == ("date", "customer", "amount")
    assert (settings.gap, settings.seed, settings.booster) == (2 * 86_400, 3, "xgboost")
    assert (settings.cost_alarm, settings.cost_missed) == (10.0, "amount")
    order = ["The table", "The split", "On the held-out rows", "Verdict", "is an alert", "m.ubj", "r.json"]
    assert sorted(order, key=shown.out.index) == order
    assert "focal loss: trial 30 of 30" in shown.err
    assert Path("m.ubj").read_text() == "a model"
    assert Path("focalboost-report.html").exists()
    result = json.loads(Path("r.json").read_text(encoding="utf-8"))
    assert result["command"] == (
        f"focalboost compare {cards} --target is_fraud --time date --group customer --drop hour "
        "--cost-alarm 10 --cost-missed amount --booster xgboost --trials 30 --folds 3 --gap 2d --seed 3 "
        "--model m.ubj --json r.json --force"
    )
    assert result["files"]["data"]["bytes"] == cards.stat().st_size
    assert [model["path"] for model in result["files"]["models"]] == ["m.ubj"]


def test_without_a_file_transactions_are_simulated(call, made_up):
    shown = call("--no-report", *COSTS)
    assert "No FILE was named: these are simulated transactions." in shown.out
    assert made_up[0][0].source == "simulated transactions"
    assert made_up[0][0].y.mean() < 0.02
    assert list(Path().iterdir()) == []


def test_the_cost_of_a_missed_one_names_the_amount(call, made_up, cards):
    call(cards, *TABLE, "--cost-alarm", 10, "--cost-missed", "hour", "--no-report")
    ((task, settings),) = made_up
    assert (task.amount_name, settings.cost_missed) == ("hour", "amount")


def test_options_of_a_csv_reach_the_table(call, made_up, tmp_path):
    path = tmp_path / "b.csv"
    rows = [
        f"{1 + k % 28:02d}.01.2024;1.{k:03d},5;{k % 7};-;{'ja' if k % 9 == 0 else 'nein'}" for k in range(200)
    ]
    path.write_bytes("\n".join(["gebucht;summe;größe;rest;betrug", *rows]).encode("cp1252"))
    call(
        *(path, "--sep", ";", "--decimal", ",", "--thousands", ".", "--encoding", "cp1252", "--na=-"),
        *(
            "--dates",
            "gebucht=%d.%m.%Y",
            "--categories",
            "größe",
            "--positive",
            "ja",
            "--no-time",
            "--no-report",
        ),
    )
    ((task, _),) = made_up
    assert task.feature_names == ["gebucht", "summe", "größe", "rest"]
    assert task.X[3, 1] == 1003.5
    assert list(task.categories) == ["größe"]
    assert task.target_names == ("nein", "ja")
    assert task.when is None


def test_quiet_is_the_verdict_and_nothing_else(call, made_up, cards):
    shown = call(cards, *TABLE, "--quiet")
    assert shown.out.count("\n") == 1
    assert shown.out.startswith("Stay with log loss: ")
    assert shown.err == ""


def test_quiet_still_tells_of_leakage_in_a_line(call, made_up, cards):
    rows = cards.read_text().splitlines()
    leaks = [f"{row},{row[-1]},{k}" for k, row in enumerate(rows[1:])]
    cards.write_text("\n".join([f"{rows[0]},chargeback,number", *leaks]) + "\n")
    shown = call(cards, *TABLE, "--quiet")
    assert shown.out.count("\n") == 1
    assert shown.err == (
        "warning: 'chargeback' tells the classes apart alone: known only afterwards? Then --drop it.\n"
    )


def test_the_first_error_of_a_german_bank_says_what_to_type(call, made_up, tmp_path):
    """And typed, it works."""
    path = tmp_path / "bank.csv"
    rows = [f"{1 + k % 12:02d}.01.2024;{k % 7};{int(k % 9 == 0)}" for k in range(200)]
    path.write_text("\n".join(["datum;summe;betrug", *rows]))
    words = (path, "--sep", ";", "--no-report")
    shown = call(*words, code=2)
    assert "or pass --dates datum=%d.%m.%Y (or --dates datum=%m.%d.%Y)." in shown.err
    call(*words, "--dates", "datum=%d.%m.%Y", "--time", "datum")
    assert made_up[0][0].when_is_date


def test_the_command_that_is_told_can_be_typed_again(call, made_up, cards):
    words = (cards, *TABLE, "--model", "m.ubj", "--json", "r.json")
    call(*words)
    again = json.loads(Path("r.json").read_text(encoding="utf-8"))["command"]
    call(*shlex.split(again)[2:])


def test_a_second_run_replaces_its_own_files(call, made_up, cards):
    words = (cards, *TABLE, "--json", "r.json")
    call(*words)
    first = Path("r.json").read_bytes()
    call(*words, "--seed", 1)
    assert Path("r.json").read_bytes() != first


def test_a_full_disk_is_told_after_the_result(call, made_up, monkeypatch, tmp_path):
    written = [("--report", tmp_path / "elsewhere" / "report.html")]

    def full(comparison, outputs, data):
        raise _outputs.NotWrittenError(OSError("full"), written)

    monkeypatch.setattr(_outputs, "write", full)
    shown = call(code=2)
    assert "Verdict" in shown.out
    assert str(written[0][1]) in shown.out
    assert one_line(shown.err).endswith(
        f"error: the files could not be written (full); they are in {tmp_path / 'elsewhere'} instead. "
    )


@pytest.mark.parametrize(
    ("booster", "ending", "measure"),
    [("xgboost", "ubj", "average_precision"), ("lightgbm", "txt", "neg_log_loss")],
)
def test_the_whole_of_it(call, cards, booster, ending, measure):
    module = pytest.importorskip(f"focalboost.{booster}")
    words = [cards, *TABLE, "--cost-alarm", 10, "--cost-missed", 90, "--alert-rate", 0.05]
    words += ["--booster", booster]
    words += ["--trials", 2, "--rounds", 5, "--n-jobs", 1, "--measure", measure]
    model = f"m.{ending}"
    shown = call(*words, "--model", model, "--json", "r.json")
    result = json.loads(Path("r.json").read_text(encoding="utf-8"))
    page = Path("focalboost-report.html").read_text(encoding="utf-8")
    assert result["verdict"]["sentence"] in one_line(shown.out)
    assert result["verdict"]["name"] in page
    assert result["command"] in html.unescape(page)
    assert result["settings"]["booster"] == booster
    # What the page and the JSON say of the model is true of its file.
    X = task_from_file(cards, target="is_fraud", time="date", group="customer").X
    loaded = module.load_model(model)
    margins = loaded.inplace_predict(X, predict_type="margin") if booster == "xgboost" else None
    margins = loaded.predict(X, raw_score=True) if margins is None else margins
    stored = result["verdict"]["use"] != "log_loss"
    p = module.stored_loss(model).posterior(margins) if stored else 1 / (1 + np.exp(-margins))
    thresholds = [threshold for threshold in result["thresholds"] if threshold["probability"] is not None]
    assert thresholds
    for threshold in thresholds:
        assert ((p > threshold["probability"]) == (margins > threshold["margin"])).all()
    # Its own report and result are replaced, the model is not.
    assert "--model == " in call(*words, "--model", model, "--json", "r.json", code=2).err


# ---------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["missing.csv"], "error: FILE == 'missing.csv', must be a file"),
        (["cards.csv", "--target", "fraud"], "error: --target == 'fraud', must be a column of cards.csv"),
        (["cards.csv", "--time", "hours"], "error: --time == 'hours', must be a column of cards.csv"),
        (["cards.csv", "--group", "who"], "error: --group == 'who', must be a column of cards.csv"),
        (["cards.csv", "--amount", "sum"], "error: --amount == 'sum', must be a column of cards.csv"),
        (["cards.csv", "--drop", "a,b"], "error: --drop == 'a', must be a column of cards.csv"),
        (["cards.csv", "--categories", "a"], "error: --categories == 'a', must be a column of cards.csv"),
        (["cards.csv", "--positive", "maybe"], "error: --positive == 'maybe', must be a value of 'is_fraud'"),
        (["cards.csv", "--target", "hour"], "error: --target == 'hour', must have two classes; it has 24"),
        (["cards.csv", "--sep", ";"], "pass --sep ','."),
        (["cards.csv", "--decimal", ";"], "error: --decimal == ';', must be '.' or ','."),
        (["cards.csv", "--encoding", "x"], "error: --encoding == 'x', must be one that Python knows"),
        (["cards.csv", "--gap", "7"], "error: --gap == '7', must have a unit, such as '7d'"),
        (["cards.csv", "--gap", "soon"], "error: --gap == 'soon', must be a number, or"),
        (
            ["cards.csv", "--no-time", "--gap", "7d"],
            "error: --gap == '7d', must be left out where rows have no time",
        ),
        (
            ["cards.csv", "--cost-alarm", "1", "--cost-missed", "1,000"],
            "error: --cost-missed == '1,000', must be a number such as 1000, or a column of cards.csv; its",
        ),
        (
            ["cards.csv", "--target", "is_fraud", "--cost-alarm", "1", "--cost-missed", "date"],
            "error: --cost-missed == 'date', must be a number such as 1000, or a column that holds",
        ),
        (["--cost-alarm", "1"], "error: --cost-alarm is given, must be with --cost-missed"),
        (["--cost-missed", "1"], "error: --cost-missed is given, must be with --cost-alarm"),
        (["--cost-alarm", "0", "--cost-missed", "1"], "error: --cost-alarm == 0.0, must be > 0 and finite."),
        (
            ["--cost-alarm", "1", "--cost-missed", "-1"],
            "error: --cost-missed == -1.0, must be > 0 and finite.",
        ),
        (
            ["--cost-alarm", "nan", "--cost-missed", "1"],
            "error: --cost-alarm == nan, must be > 0 and finite.",
        ),
        (["--alert-rate", "0"], "error: --alert-rate == 0.0, must be"),
        (["--alert-rate", "1.5"], "error: --alert-rate == 1.5, must be"),
        (["--alerts-per-day", "0"], "error: --alerts-per-day == 0.0, must be >= 1 and finite."),
        (
            ["--alert-rate", ".1", "--alerts-per-day", "9"],
            "error: --alert-rate == 0.1 and --alerts-per-day == 9.0",
        ),
        (["--trials", "0"], "error: --trials == 0, must be"),
        (["--folds", "0"], "error: --folds == 0, must be"),
        (["--rounds", "0"], "error: --rounds == 0, must be"),
        (["--patience", "0"], "error: --patience == 0, must be"),
        (["--n-jobs", "0"], "error: --n-jobs == 0, must be a whole number other than 0"),
        (["--test-size", "0"], "error: --test-size == 0.0, must be"),
        (["--test-size", "0.95"], "error: --test-size == 0.95, must be at most 0.9"),
        (["--measure", "precison"], "error: --measure == 'precison', must be one of 'average_precision'"),
        (["--seed", "-1"], "error: --seed == -1, must be from 0 to 2147483647."),
        (
            ["--storage", "no/study.log"],
            "error: --storage == 'no/study.log', must be in a folder that exists",
        ),
        (
            ["--storage", "sqlite:study.db"],
            "error: --storage == 'sqlite:study.db', must be a path or a URL with",
        ),
        (["--storage", "cards.csv"], "error: --storage == "),
        (["--report", "r.txt"], "error: --report == 'r.txt', must end in .html"),
        (["--json", "r.txt"], "error: --json == 'r.txt', must end in .json."),
        (["--model", "m.txt"], "error: --model == 'm.txt', must end in .ubj or .json for a model of xgboost"),
        (
            ["--booster", "lightgbm", "--model", "m.ubj"],
            "error: --model == 'm.ubj', must end in .txt for a model of lightgbm",
        ),
    ],
)
def test_bad_input_is_one_clear_message_before_any_training(call, monkeypatch, cards, words, error):
    monkeypatch.setattr(_compare, "train_all", None)
    before = cards.read_bytes()
    shown = call(*words, code=2)
    assert error in one_line(shown.err)
    assert shown.err.startswith("error: ")
    assert "Traceback" not in shown.err
    assert cards.read_bytes() == before
    assert not Path("focalboost-report.html").exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--booster", "catboost"], "'catboost' is not one of 'xgboost', 'lightgbm'"),
        (["--trials", "many"], "Invalid value for '--trials': 'many', must be a whole number."),
        (["--n-jobs", "2.5"], "Invalid value for '--n-jobs': '2.5', must be a whole number."),
        (["--test-size", "0,5"], "Invalid value for '--test-size': '0,5', must be a number such as 0.5"),
        (
            ["--alert-rate", "1 %"],
            "for '--alert-rate': '1 %', must be a number without a percent sign: 0.01.",
        ),
        (["--alert-rate", "%"], "for '--alert-rate': '%', must be a number such as 0.5 or 1000."),
        (["--tirals", "3"], "--tirals"),  # Typer and Click say it in words of their own, by version
    ],
)
def test_words_that_are_no_options(call, words, error):
    assert error in one_line(call(*words, code=2).err)


def test_where_an_error_was_raised_is_shown_when_asked(call, cards):
    shown = call(cards, "--target", "fraud", "--traceback", code=2)
    assert "Traceback (most recent call last)" in shown.err
    assert "error: --target == 'fraud', must be a column" in shown.err


# ---------------------------------------------------------------------- interrupted
def test_interrupted_with_a_storage_the_same_command_goes_on(call, monkeypatch):
    def interrupted(task, settings, progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(_compare, "compare_task", interrupted)
    shown = call("--storage", "trials.log", code=130)
    assert shown.err.endswith(
        "interrupted: finished trials are kept in trials.log, and the same command goes on with the others.\n"
    )
    shown = call(code=130)
    assert "interrupted: nothing was written. With --storage trials.log finished trials are kept" in shown.err
    assert not Path("focalboost-report.html").exists()


def test_ctrl_c_means_what_it_meant_before_and_after_training(call, made_up, monkeypatch):
    found = []
    original = _compare.compare_task

    def compare_task(*arguments):
        found.append(signal.getsignal(signal.SIGINT))
        return original(*arguments)

    monkeypatch.setattr(_compare, "compare_task", compare_task)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        call("--no-report")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        # Ignored, as of what a shell runs in the background.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        call("--no-report")
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert found[0] is not signal.default_int_handler
    assert found[1] is signal.SIG_IGN


# ---------------------------------------------------------------------- processes
def run(*words, **options):
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=300, check=False, **options
    )


def test_as_a_module_it_says_its_versions():
    found = run("-m", "focalboost", "--version")
    assert found.returncode == 0
    assert re.match(r"focalboost \d+\.\d+\.\d+\n", found.stdout)
    assert re.search(r"^(xgboost(-cpu)?|lightgbm) \d", found.stdout, re.MULTILINE)


@pytest.mark.parametrize("module", ["typer", "rich"])
def test_without_the_extra_it_says_what_to_install(monkeypatch, capsys, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit, match="2"):
        main()
    assert capsys.readouterr().err == (
        f"focalboost: the command needs {module}, which is not installed; run: "
        "pip install 'focalboost[compare]'\n"
    )


LIBRARIES = ("jinja2", "matplotlib", "optuna", "pandas", "pyarrow")


@pytest.mark.parametrize("module", LIBRARIES)
def test_without_a_library_of_the_extra_it_says_what_to_install(call, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    assert call(code=2).err == (
        f"error: focalboost compare needs {module}, not installed here; run: "
        "pip install 'focalboost[compare]'\n"
    )


def test_without_any_library_of_the_extra_but_its_own(tmp_path):
    code = f"import sys; sys.modules.update(dict.fromkeys({LIBRARIES!r}))\n"
    code += "from focalboost.command import main; main()"
    found = run("-c", code, "compare", cwd=tmp_path)
    assert found.returncode == 2
    assert found.stderr == (
        f"error: focalboost compare needs {', '.join(LIBRARIES)}, not installed here; run: "
        "pip install 'focalboost[compare]'\n"
    )


def test_help_needs_no_booster_and_has_two_examples(tmp_path):
    code = "import sys; sys.modules['xgboost'] = sys.modules['lightgbm'] = None\n"
    code += "from focalboost.command import main; main()"
    found = run("-c", code, "compare", "--help", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("focalboost compare") >= 2
    assert "--cost-alarm 10 --cost-missed amount" in found.stdout
    found = run("-c", code, "compare", cwd=tmp_path)
    assert found.returncode == 2
    assert "pip install 'focalboost[xgboost-cpu]'" in found.stderr
    assert "pip install 'focalboost[lightgbm]'" in found.stderr
