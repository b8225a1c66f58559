"""Files that are written: not over others, all or none, and never lost."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from focalboost.command import _outputs
from focalboost.command._options import Options
from focalboost.command._outputs import NotWrittenError, Outputs, check_outputs, write

PAGE = '<meta name="generator" content="focalboost 0.1.0">'


class Found:
    """What is written of a comparison."""

    settings = SimpleNamespace(booster="xgboost")

    def to_html(self, path):
        path.write_text(PAGE)

    def final_model(self):
        return SimpleNamespace(save_model=lambda path: path.write_text("a model"))


@pytest.fixture(autouse=True)
def _short_json(monkeypatch):
    def write_json(comparison, path, files):
        path.write_text(json.dumps({"format": 1, "focalboost": "0.1.0", "files": files}))

    monkeypatch.setattr(_outputs, "write_json", write_json)


def asked(**options):
    return check_outputs(Options(**options), "xgboost")


def test_by_default_a_report_in_this_folder():
    assert asked() == Outputs(Path("focalboost-report.html"), (), None)
    assert asked(no_report=True) == Outputs(None, (), None)


def test_what_an_earlier_run_wrote_is_replaced():
    outputs = asked(json=Path("r.json"))
    for _ in range(2):
        assert write(Found(), outputs, None) == [("--report", outputs.report), ("--json", outputs.json)]
        assert asked(json=Path("r.json")) == outputs


def test_an_empty_file_is_replaced():
    Path("r.html").touch()
    Path("m.ubj").touch()
    assert asked(report=Path("r.html"), model=(Path("m.ubj"),)).report == Path("r.html")


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        (
            "report",
            "<html>mine</html>",
            "--report == 'f.html' is there already, something that focalboost compare",
        ),
        (
            "json",
            '{"mine": 1}',
            "--json == 'f.json' is there already, something that focalboost compare did not",
        ),
        ("model", "any", "--model == 'f.ubj' is there already, a model: name another file, or add --force."),
    ],
)
def test_what_others_wrote_and_models_are_not_replaced(name, text, error):
    path = Path("f." + {"report": "html", "json": "json", "model": "ubj"}[name])
    path.write_text(text)
    given = {name: (path,) if name == "model" else path}
    with pytest.raises(FileExistsError, match=error):
        asked(**given)
    asked(**given, force=True)
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (
            {"report": Path("no/r.html")},
            "--report == 'no/r.html', must be in a folder that exists: there is no ",
        ),
        (
            {"json": Path("a.json"), "model": (Path("a.json"),)},
            "--json == 'a.json', must not be the file of --model",
        ),
        (
            {"model": (Path("m.ubj"), Path("m.ubj"))},
            "--model == 'm.ubj', must not be the file of --model m.ubj too.",
        ),
        (
            {"json": Path("s.json"), "storage": "./s.json"},
            "--json == 's.json', must not be the file of --storage too.",
        ),
        (
            {"file": Path("f.json"), "json": Path("f.json")},
            "--json == 'f.json', must not be the file of FILE too.",
        ),
        (
            {"report": Path("folder.html")},
            "--report == 'folder.html', must be a file: it is a folder. Add a name.",
        ),
    ],
)
def test_places_that_will_not_do(given, error):
    Path("folder.html").mkdir()
    with pytest.raises((ValueError, OSError), match=error):
        asked(**given)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written():
    Path("locked").mkdir(mode=0o500)
    with pytest.raises(PermissionError, match="must be in a folder where files can be made"):
        asked(report=Path("locked/r.html"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_a_pipe_is_no_place_for_a_report():
    os.mkfifo("r.html")
    with pytest.raises(ValueError, match=r"--report == 'r.html', must be a regular file"):
        asked(report=Path("r.html"))


def test_without_onnx_its_extra_is_named(monkeypatch):
    def missing(name):
        raise ImportError(
            "focalboost.onnx needs onnx, which is not installed; run: pip install 'focalboost[onnx]'"
        )

    monkeypatch.setattr(_outputs, "import_module", missing)
    with pytest.raises(ImportError, match=r"pip install 'focalboost\[onnx\]'"):
        asked(model=(Path("m.onnx"),))


def test_files_and_their_digests():
    Path("d.csv").write_text("data")
    outputs = asked(json=Path("r.json"), model=(Path("m.ubj"), Path("n.json")))
    write(Found(), outputs, Path("d.csv"))
    files = json.loads(Path("r.json").read_text())["files"]
    assert files["data"] == _outputs.digest("d.csv")
    assert files["models"] == [_outputs.digest("m.ubj"), _outputs.digest("n.json")]
    assert files["report"] == _outputs.digest("focalboost-report.html")


def test_all_files_or_none(monkeypatch, tmp_path):
    outputs = asked(json=Path("r.json"), model=(Path("m.ubj"),))
    Path("r.json").write_text('{"format": 1, "focalboost": "0.0.1"}')
    old = Path("r.json").read_text()

    def defect(path):
        raise RuntimeError("a defect")

    found = Found()
    found.to_html = defect
    with pytest.raises(RuntimeError, match="a defect"):
        write(found, outputs, None)
    assert Path("r.json").read_text() == old
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_a_model_takes_its_place_last(monkeypatch):
    placed, replace = [], Path.replace

    def watched(self, target):
        if not Path(target).name.startswith("."):
            placed.append(Path(target).name)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    write(Found(), asked(json=Path("r.json"), model=(Path("m.ubj"), Path("n.ubj"))), None)
    assert placed == ["r.json", "focalboost-report.html", "n.ubj", "m.ubj"]


def test_a_full_disk_costs_no_result(monkeypatch, tmp_path):
    outputs = asked(json=Path("r.json"), model=(Path("m.ubj"),))
    original = _outputs.replaced

    def full(path):
        if Path(path).resolve().parent == tmp_path:
            raise OSError(28, "No space left on device")
        return original(path)

    monkeypatch.setattr(_outputs, "replaced", full)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(
        NotWrittenError, match=r"could not be written \(.*No space left.*\); they are in .* instead"
    ):
        write(Found(), outputs, None)
    (folder,) = tmp_path.glob("focalboost-*")
    assert {path.name for path in folder.iterdir()} == {"focalboost-report.html", "r.json", "m.ubj"}
