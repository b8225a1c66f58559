"""The CUDA kernels compile for four generations, in single precision, where NVIDIA's compilers are."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.scripts import load

pytest.importorskip("numba_cuda")
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "ptx.py"


def test_float32_kernels_have_no_double_precision():
    # A process of its own: the script tells Numba of a GPU that is not there.
    result = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False)
    if result.returncode == 2:
        pytest.skip("no NVIDIA compilers, which `pip install 'focalboost[cuda]'` brings")
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    for target in ("sm_80", "sm_90a", "sm_100a", "sm_120a"):
        table = result.stdout.partition(f"machine code for {target}\n")[2]
        assert "| softmax, shared memory " in table.partition("PTX and")[0]


@pytest.fixture
def ptx(monkeypatch, tmp_path):
    script = load("ptx")
    monkeypatch.setattr(sys, "argv", ["ptx.py", "--targets", "sm_80", "sm_90a"])
    monkeypatch.setattr(script, "registers", lambda text, target: {"registers": 40, "spilled": 0})
    monkeypatch.setattr(script, "compiled", lambda kernel, margin, target: "\tadd.f32 \t%f1, %f2, %f3;\n")
    return script


def test_a_kernel_that_does_not_compile_is_named_and_the_others_go_on(ptx, monkeypatch, capsys):
    def registers(text, target):
        if target == "sm_80":
            raise RuntimeError("ERROR_PTX_COMPILE (4)\nUnsupported .version 9.5")
        return {"registers": 40, "spilled": 0}

    monkeypatch.setattr(ptx, "registers", registers)
    with pytest.raises(
        SystemExit, match=r"^not compiled, .*: sigmoid, sm_80; .*softmax, float64 margins, sm_80$"
    ):
        ptx.main()
    out = capsys.readouterr().out
    assert "FAIL sigmoid, sm_80: RuntimeError: ERROR_PTX_COMPILE (4) Unsupported .version 9.5. " in out
    assert out.partition("machine code for sm_90a")[2].count("|            1 |") == 5


@pytest.mark.parametrize(
    "instruction", ["add.f64 \t%f1", "div.rn.f32 \t%f1", "call.uni \tf", "st.local.f32 \t%f1"]
)
def test_what_is_slow_in_a_float32_kernel_is_found(ptx, instruction, monkeypatch):
    def compiled(kernel, margin, target):
        return (
            f"\t{instruction};\n"
            if margin is ptx.float64 or kernel is ptx._cuda_kernels.softmax_tiled
            else ""
        )

    monkeypatch.setattr(ptx, "compiled", compiled)
    found = r": softmax, shared memory, sm_80; softmax, shared memory, sm_90a$"
    with pytest.raises(SystemExit, match=found):
        ptx.main()


def test_missing_compilers_end_with_2(ptx, monkeypatch, capsys):
    def compiled(kernel, margin, target):
        raise ptx.DynamicLibNotFoundError("libnvvm.so")

    monkeypatch.setattr(ptx, "compiled", compiled)
    with pytest.raises(SystemExit, match="2"):
        ptx.main()
    assert "pip install 'focalboost[cuda]': libnvvm.so" in capsys.readouterr().err
