"""The whole comparison on little data: one budget for all, nothing of the held-out rows in it, resumed."""

import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import optuna
import pytest

from focalboost.comparison import Comparison, compare
from focalboost.comparison._contenders import START, ContenderSpace, names_in_models, spent
from focalboost.comparison._settings import check_settings
from focalboost.comparison._types import CONTENDERS
from focalboost.datasets import make_transactions

for needed in ("xgboost", "lightgbm", "pandas", "pyarrow"):
    pytest.importorskip(needed)
import pandas as pd  # noqa: E402  # after the checks

optuna.logging.set_verbosity(optuna.logging.WARNING)
DATA = make_transactions(4000, imbalance_ratio=19, random_state=0)
QUICK = {"time": DATA.step, "trials": 3, "num_boost_round": 12, "early_stopping_rounds": 4, "n_jobs": 1}
BOOSTERS = ("xgboost", "lightgbm")


def run(**options):
    return compare(DATA.data, DATA.target, **{**QUICK, **options})


@pytest.fixture(scope="module", params=BOOSTERS)
def found(request):
    return run(booster=request.param, cost_alarm=1.0, cost_missed=20.0)


def test_all_have_the_same_budget(found):
    tuned = found.trained[1:]
    assert [item.contender.key for item in tuned] == ["log_loss", "class_weights", "focal"]
    for item in tuned:
        assert len(spent(item.study)) == 3
        assert len(item.fold_scores) == 3
        first = item.study.trials[0]
        assert first.user_attrs["role"] == "baseline"
    # The first trial of all is log loss with the booster's defaults.
    values = [item.study.trials[0].value for item in tuned]
    np.testing.assert_allclose(values, values[0], rtol=0.02)


@pytest.mark.parametrize("booster", BOOSTERS)
def test_log_loss_has_its_start_and_all_have_the_step(booster):
    spaces = {}
    for contender in CONTENDERS[1:]:
        trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(0)).ask()
        params = ContenderSpace(contender.key, booster)(trial)
        spaces[contender.key] = set(trial.params)
        assert ("focal_gamma" in params) == (contender.key != "log_loss")
        assert contender.key != "class_weights" or params["focal_gamma"] == 0.0
    own = {"log_loss": {"start"}, "class_weights": {"focal_gamma", "focal_alpha_power"}}
    own["focal"] = own["class_weights"]
    shared = [spaces[key] - own[key] for key in own]
    assert shared[0] == shared[1] == shared[2]
    assert {"max_delta_step", "learning_rate"} <= shared[0]


def test_models_are_of_the_best_trials(found):
    booster = found.settings.booster
    for item in found.trained[1:]:
        best = max(spent(item.study), key=lambda trial: trial.value or -1.0)
        for name, value in best.params.items():
            if name == "start":
                chosen = item.model.get_params()[START[booster]]
                assert chosen == (0.5 if booster == "xgboost" else False) if value == "0.5" else chosen != 0.5
            else:
                assert item.model.get_params()[name] == value
        assert item.model.get_params()["n_estimators"] == item.rounds
    assert found.models["untuned"].get_params()["n_estimators"] in (None, 100)


def test_held_out_labels_change_nothing_but_the_judgement(found):
    test = found.split.test
    y = DATA.target.copy()
    y[test] = np.random.default_rng(0).permutation(y[test])
    other = compare(DATA.data, y, booster=found.settings.booster, cost_alarm=1.0, cost_missed=20.0, **QUICK)
    np.testing.assert_array_equal(other.split.test, test)
    for key, model in found.models.items():
        np.testing.assert_array_equal(
            other.models[key].predict_proba(DATA.data), model.predict_proba(DATA.data)
        )
    assert found.judgement.values.tolist() != other.judgement.values.tolist()  # noqa: PD011  # an array


def test_folds_and_groups_stay_apart():
    groups = np.random.default_rng(0).integers(400, size=len(DATA.target))
    result = run(time=None, groups=groups, trials=1)
    train, test = result.split.train, result.split.test
    assert not set(groups[train]) & set(groups[test])
    for fit, judge in result.split.folds:
        assert not set(groups[train][fit]) & set(groups[train][judge])


def test_probabilities_are_those_of_the_models(found):
    X = found.task.X[found.split.test]
    for item in found.trained:
        p = item.model.predict_proba(X)[:, 1]
        np.testing.assert_allclose(item.probability, p, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found.trained[1].confidence, found.trained[1].probability, rtol=1e-12)


def test_the_final_model_has_all_rows_and_the_thresholds_are_its(found, tmp_path):
    final = found.final_model()
    frame = pd.DataFrame(DATA.data, columns=found.task.feature_names)
    assert type(final) is type(found.chosen.model)
    booster = found.settings.booster
    path = tmp_path / ("model.ubj" if booster == "xgboost" else "model.txt")
    found.save_model(path)
    if booster == "xgboost":
        import xgboost

        margins = xgboost.Booster(model_file=path).predict(xgboost.DMatrix(frame), output_margin=True)
        with pytest.raises(ValueError, match="feature_names mismatch"):
            xgboost.Booster(model_file=path).predict(xgboost.DMatrix(frame[frame.columns[::-1]]))
    else:
        import lightgbm

        booster = lightgbm.Booster(model_file=path)
        margins = booster.predict(frame, raw_score=True)
        assert booster.feature_name() == list(frame.columns)
    p = final.predict_proba(frame)[:, 1]
    assert len(found.thresholds) == 2
    for threshold in found.thresholds:
        if threshold.probability is None:  # few rounds, and so many equal scores
            assert "There is no threshold for 1 % alerts" in threshold.says
            continue
        # A row on the threshold itself may fall on either side.
        clear = np.abs(p / threshold.probability - 1.0) > 1e-5
        np.testing.assert_array_equal((margins > threshold.margin)[clear], (p > threshold.probability)[clear])


def test_table_figures_and_files(found, tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    table = found.table
    names = [contender.name for contender in CONTENDERS]
    assert table.index.get_level_values("contender").unique().tolist() == names
    assert (table.xs("log loss")["difference"] == 0).all()
    inside = table.dropna()
    assert (inside["low"] <= inside["high"]).all()
    for plot in (found.plot_precision_recall, found.plot_reliability, found.plot_cost, found.plot_tuning):
        assert plot().get_legend_handles_labels() is not None
    import matplotlib.pyplot as plt

    plt.close("all")
    found.to_html(tmp_path / "page.html")
    assert found.verdict.sentence.split(" (")[0] in (tmp_path / "page.html").read_text(encoding="utf-8")
    found.to_json(tmp_path / "result.json")
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert result["verdict"]["use"] == found.verdict.use
    assert found.verdict.sentence in repr(found)


def comparable(result):
    return (
        result.verdict.sentence,
        [item.params for item in result.trained],
        [item.rounds for item in result.trained],
        [item.fold_scores for item in result.trained],
        result.judgement.values.tolist(),  # noqa: PD011  # an array
    )


class StopAt:
    """Interrupts the comparison at its n-th finished trial."""

    def __init__(self, last):
        self.left = last

    def split(self, split):
        pass

    def begin(self, contender, done, total):
        pass

    def trial(self, contender, done, best):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

    def end(self, contender):
        pass


@pytest.mark.parametrize("booster", BOOSTERS)
def test_an_interrupted_comparison_goes_on_to_the_same_result(booster, tmp_path):
    whole = run(booster=booster)
    storage = str(tmp_path / "study.log")
    for last in (2, 1, 4):
        with pytest.raises(KeyboardInterrupt):
            run(booster=booster, storage=storage, progress=StopAt(last))
    resumed = run(booster=booster, storage=storage)
    assert comparable(resumed) == comparable(whole)
    assert [len(spent(item.study)) for item in resumed.trained[1:]] == [3, 3, 3]
    # Once more: nothing is left to do. With fewer trials the others do not count.
    again = run(booster=booster, storage=storage, progress=StopAt(1))
    assert comparable(again) == comparable(whole)
    one = run(booster=booster, storage=storage, trials=1, progress=StopAt(1))
    assert comparable(one) == comparable(run(booster=booster, trials=1))


def test_two_processes_on_one_storage_try_other_points(tmp_path):
    """In threads: all that they share is the file."""
    storage = str(tmp_path / "study.log")
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: run(storage=storage, trials=6, num_boost_round=5), range(2)))
    assert comparable(both[0]) == comparable(both[1])
    for item in both[0].trained[1:]:
        points = [tuple(trial.params.values()) for trial in spent(item.study)[:6]]
        assert len(set(points)) == 6


def test_names_that_no_booster_takes():
    names = ["a[0]", "a_0_", "b<", 'c"d', "e:f,g h", "", "a[0]"]
    assert names_in_models(names) == ["a_0_", "a_0__2", "b_", "c_d", "e_f_g_h", "_", "a_0__3"]


def test_a_call_that_ended_in_an_error_does_not_hold_up_the_next(tmp_path, monkeypatch):
    """Its trial still runs, and so does its process: a notebook's."""
    from focalboost.tuning import CrossValidatedObjective

    whole, storage = run(), str(tmp_path / "study.log")
    with monkeypatch.context() as patch:
        call, calls = CrossValidatedObjective.__call__, []

        def leave(self, trial):
            value = call(self, trial)
            calls.append(value)
            if len(calls) == 2:
                raise SystemExit("left")  # which Optuna does not catch
            return value

        patch.setattr(CrossValidatedObjective, "__call__", leave)
        with pytest.raises(SystemExit, match="left"):
            run(storage=storage)
    assert comparable(run(storage=storage)) == comparable(whole)


def test_side_by_side_is_one_after_the_other():
    assert comparable(run(n_jobs=2)) == comparable(run(n_jobs=1))


def test_a_trial_that_cannot_be_trained_is_spent(monkeypatch):
    from focalboost.tuning import CrossValidatedObjective

    call, calls = CrossValidatedObjective.__call__, []

    def fail(self, trial):
        calls.append(self.loss)
        if calls.count(self.loss) == 2:
            raise ValueError("the model has diverged")
        return call(self, trial)

    monkeypatch.setattr(CrossValidatedObjective, "__call__", fail)
    result = run()
    for item in result.trained[1:3]:
        trials = spent(item.study)
        assert len(trials) == 3
        assert [trial.user_attrs.get("error") for trial in trials].count("the model has diverged") == 1


def test_other_data_in_one_storage_begin_other_studies(tmp_path):
    storage = str(tmp_path / "study.log")
    run(storage=storage, trials=1)
    other = compare(DATA.data[:, :5], DATA.target, storage=storage, **{**QUICK, "trials": 1})
    assert [len(spent(item.study)) for item in other.trained[1:]] == [1, 1, 1]


def test_a_data_frame_with_names_and_text():
    frame = pd.DataFrame(DATA.data[:, :4], columns=["a[0]", "b<", "c", "d"])
    frame["kind"] = np.where(DATA.data[:, 1] > 0, "web", "shop")
    frame["when"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(DATA.step, unit="h")
    frame["euros"] = np.abs(DATA.data[:, 6])
    y = np.where(DATA.target, "fraud", "good")
    result = compare(
        frame, y, **{**QUICK, "trials": 1, "time": "when"}, amount="euros", positive="fraud", gap="1d",
        cost_alarm=1.0, cost_missed="amount",
    )  # fmt: skip
    assert isinstance(result, Comparison)
    assert result.task.feature_names == ["a[0]", "b<", "c", "d", "kind", "euros"]
    assert result.task.categories == {"kind": ["shop", "web"]}
    assert len(result.split.left_out)
    assert [threshold.probability is None for threshold in result.thresholds] == [True, False]
    names = result.final_model().get_booster().feature_names
    assert names == ["a_0_", "b_", "c", "d", "kind", "euros"]


# ---------------------------------------------------------------------- refused before any training
BARE = SimpleNamespace(when=None, when_is_date=False, amount=None)
DATED = SimpleNamespace(when=(), when_is_date=True, amount=None)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"booster": "catboost"}, r"booster == 'catboost', must be one of 'xgboost', 'lightgbm'"),
        ({"trials": 0}, r"trials == 0, must be"),
        ({"folds": None}, r"folds == None, must be a whole number >= 1"),
        ({"test_size": 0.95}, r"test_size == 0.95, must be at most 0.9"),
        ({"test_size": 0}, r"test_size == 0, must be"),
        ({"gap": "7d"}, r"gap == '7d', must be left out where rows have no time"),
        ({"measure": "accuracy"}, r"measure == 'accuracy', must be one of .*the others judge labels"),
        ({"measure": "foo"}, r"measure == 'foo', must be one of 'average_precision'"),
        ({"alert_rate": 1.5}, r"alert_rate == 1.5, must be"),
        ({"alert_rate": 0.1, "alerts_per_day": 5}, r"must be one of them"),
        ({"alerts_per_day": 5}, r"alerts_per_day == 5, must be left out where rows have no"),
        ({"cost_alarm": 1.0}, r"cost_alarm is given, must be with cost_missed"),
        ({"cost_missed": 1.0}, r"cost_missed is given, must be with cost_alarm"),
        ({"cost_alarm": 0, "cost_missed": 1}, r"cost_alarm == 0, must be > 0"),
        (
            {"cost_alarm": 1e200, "cost_missed": 1},
            r"cost_alarm == 1e\+200, must be from 1e-06 to 1e\+12: state",
        ),
        ({"cost_alarm": 1, "cost_missed": 1e-300}, r"cost_missed == 1e-300, must be from 1e-06 to 1e\+12"),
        (
            {"cost_alarm": 1e-6, "cost_missed": 1e6},
            r"cost_alarm == 1e-06 and cost_missed == 1000000.0, must differ by a factor of 1e\+09 at most",
        ),
        ({"cost_alarm": 1, "cost_missed": float("inf")}, r"cost_missed == inf, must be > 0"),
        (
            {"cost_alarm": 1, "cost_missed": "money"},
            r"cost_missed == 'money', must be a number > 0 or 'amount', whatever .*: name it with amount=\.$",
        ),
        ({"cost_alarm": 1, "cost_missed": "amount"}, r"cost_missed == 'amount', must be a number where rows"),
        ({"seed": -1}, r"seed == -1, must be"),
        ({"seed": 2**31}, r"seed == 2147483648, must be < 2\*\*31"),
    ],
)
def test_settings_are_checked(options, text):
    with pytest.raises(ValueError, match=text):
        check_settings(BARE, **options)


def test_amounts_beyond_any_currency_are_refused():
    rich = SimpleNamespace(when=None, when_is_date=False, amount=np.array([1.0, 2e15]))
    text = r"cost_missed == 'amount', of which the largest is 2e\+15, must be at most 1e\+12: state amounts"
    with pytest.raises(ValueError, match=text):
        check_settings(rich, cost_alarm=1, cost_missed="amount")
    assert check_settings(rich).cost_missed is None


def test_alerts_per_day_need_dates_and_one_at_least():
    numbers = SimpleNamespace(when=(), when_is_date=False, amount=None)
    with pytest.raises(ValueError, match=r"alerts_per_day == 5, must be left out where rows have no dates"):
        check_settings(numbers, alerts_per_day=5)
    with pytest.raises(ValueError, match=r"alerts_per_day == 0.5, must be >= 1"):
        check_settings(DATED, alerts_per_day=0.5)
    assert check_settings(DATED, alerts_per_day=5).alert_rate is None
    assert check_settings(BARE).alert_rate == 0.01
