"""What the CUDA kernels compile to, without a GPU: PTX for sm_90 (H200), its instructions and registers.

In the float32 kernels no instruction may be of double precision (an H200 does half as many of those, a
consumer card one in 64), none may call a function or go to local memory, and registers may not spill.
Registers come from ptxas. The compilers come with `pip install 'numba-cuda[cu12]'`; where they are missing
the script ends with 2.

`python benchmarks/ptx.py`, half a minute; `--ptx FOLDER` keeps the PTX.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from harness import parser, print_environment, print_table, save
from numba import cuda, float32, float64, int32, types

from focalboost._kernels import cuda_kernels as _cuda_kernels

CAPABILITY = (9, 0)
HEAD = ("kernel", "instructions", "f64", "division rn", "approx", "calls", "local", "registers", "spilled")
CASES = {
    "sigmoid": (_cuda_kernels.sigmoid, float32),
    "softmax, shared memory": (_cuda_kernels.softmax_tiled, float32),
    "softmax, many classes": (_cuda_kernels.softmax, float32),
    "sigmoid, float64 margins": (_cuda_kernels.sigmoid, float64),
    "softmax, float64 margins": (_cuda_kernels.softmax, float64),
}


def compiled(kernel: Any, margin: Any) -> str:
    """PTX of a kernel as it is launched."""
    flat, dimensions = types.Array(float32, 1, "C"), 3 if kernel is _cuda_kernels.sigmoid else 2
    table, numbers = types.Array(float32, dimensions, "C"), (float32,) * 6
    signature = (
        types.Array(margin, 1, "C"),
        flat,
        flat,
        table,
        *numbers,
        flat,
        flat,
        types.Array(int32, 1, "C"),
    )
    # Functions that a kernel calls are compiled for the device that is there; here none is.
    device = SimpleNamespace(compute_capability=CAPABILITY)
    with mock.patch("numba.cuda.dispatcher.get_current_device", return_value=device):
        text, _ = cuda.compile_ptx(kernel.py_func, signature, cc=CAPABILITY)
    return str(text)


def instructions(text: str) -> dict[str, int]:
    """Number of instructions, and of those that are to be watched."""
    names = re.findall(r"^\t(?:@!?%p\d+\s+)?([a-z][\w.]*)\s", text, re.MULTILINE)
    return {
        "instructions": len(names),
        "f64": sum(".f64" in name for name in names),
        "division rn": sum(name == "div.rn.f32" for name in names),
        "approx": sum(name == "div.approx.f32" for name in names),
        "calls": sum(name.startswith("call") for name in names),
        "local": sum(".local" in name for name in names),
    }


def ptxas() -> str | None:
    """The assembler: on the path, or as pip installs it."""
    found = [path for folder in sys.path for path in Path(folder).glob("nvidia/*/bin/ptxas")]
    return shutil.which("ptxas") or (str(found[0]) if found else None)


def registers(text: str, assembler: str) -> dict[str, int]:
    """Registers of a thread, and bytes that they spill."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "kernel.ptx"
        source.write_text(text, encoding="utf-8")
        command = [assembler, "-v", "-arch=sm_90", str(source), "-o", str(source.with_suffix(".cubin"))]
        report = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    used = re.search(r"Used (\d+) registers", report)
    spilled = re.search(r"(\d+) bytes spill stores", report)
    return {"registers": int(used[1]) if used else -1, "spilled": int(spilled[1]) if spilled else -1}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--ptx", type=Path, metavar="FOLDER", help="write the PTX there")
    arguments = options.parse_args()
    found, assembler = print_environment(), ptxas()
    results: dict[str, dict[str, int]] = {}
    for name, (kernel, margin) in CASES.items():
        try:
            text = compiled(kernel, margin)
        # NVVM or NVRTC: an ImportError of Numba, or a RuntimeError of NVIDIA's path finder.
        except (ImportError, OSError, RuntimeError) as error:
            print(f"needs NVIDIA's compilers, pip install 'numba-cuda[cu12]': {error}", file=sys.stderr)
            raise SystemExit(2) from error
        results[name] = instructions(text) | (registers(text, assembler) if assembler else {})
        if arguments.ptx is not None:
            arguments.ptx.mkdir(parents=True, exist_ok=True)
            (arguments.ptx / f"{name.replace(', ', '_').replace(' ', '_')}.ptx").write_text(text)
    rows = [
        [name, *(str(values.get(column, "?")) for column in HEAD[1:])] for name, values in results.items()
    ]
    print_table("PTX for sm_90", HEAD, rows)
    save(arguments.json, found, results)
    watched = ("f64", "division rn", "calls", "local", "spilled")
    bad = [
        name for name, values in results.items() if "float64" not in name and any(map(values.get, watched))
    ]
    if bad:
        raise SystemExit(f"double precision, calls or memory traffic in: {'; '.join(bad)}")


if __name__ == "__main__":
    main()
