"""What the CUDA kernels compile to, without a GPU: instructions and registers on four generations.

For A100 (sm_80), H100 and H200 (sm_90a), B200 (sm_100a) and the consumer cards of that generation (sm_120a),
by numba-cuda's own compiler and linker, NVVM and nvJitLink, as it calls them on such a card. In the float32
kernels no instruction may be of double precision (an H200 does half as many of those, a consumer card one in
64), none may call a function or go to local memory, and registers may not spill. The compilers come with
`pip install 'focalboost[cuda]'`; where they are missing the script ends with 2.

`python benchmarks/ptx.py`, a minute; `--targets sm_90a` compiles for less, `--ptx FOLDER` keeps the PTX.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from cuda.core import Linker, LinkerOptions, ObjectCode  # type: ignore[import,unused-ignore]
from cuda.pathfinder import DynamicLibNotFoundError  # type: ignore[import,unused-ignore]
from harness import parser, print_environment, print_table, save
from numba import float32, float64, int32, types

from focalboost._kernels import cuda as _cuda
from focalboost._kernels import cuda_kernels as _cuda_kernels
from focalboost._kernels.cuda_import import cuda

Capability = tuple[int, int] | tuple[int, int, str]
# As numba-cuda takes them: from 9.0 on with the instructions of that very generation.
TARGETS: dict[str, Capability] = {
    "sm_80": (8, 0), "sm_90a": (9, 0, "a"), "sm_100a": (10, 0, "a"), "sm_120a": (12, 0, "a"),
}  # fmt: skip
HEAD = ("kernel", "instructions", "f64", "division rn", "approx", "calls", "local", "registers", "spilled")
CASES = {
    "sigmoid": (_cuda_kernels.sigmoid, float32),
    "softmax, shared memory": (_cuda_kernels.softmax_tiled, float32),
    "softmax, many classes": (_cuda_kernels.softmax, float32),
    "sigmoid, float64 margins": (_cuda_kernels.sigmoid, float64),
    "softmax, float64 margins": (_cuda_kernels.softmax, float64),
}


def compiled(kernel: Any, margin: Any, target: str) -> str:
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
    device = SimpleNamespace(compute_capability=TARGETS[target][:2])
    with mock.patch("numba.cuda.dispatcher.get_current_device", return_value=device):
        text, _ = cuda.compile_ptx(kernel.py_func, signature, cc=TARGETS[target])
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


def registers(text: str, target: str) -> dict[str, int]:
    """Registers of a thread, and bytes that they spill, of the machine code."""
    options = LinkerOptions(arch=target, verbose=True, ptxas_options="-v")
    linker = Linker(ObjectCode.from_ptx(text.encode()), options=options)
    linker.link("cubin")
    report = linker.get_info_log()
    linker.close()
    # Each kernel is one entry and calls nothing: what is said first is said of it.
    used = re.search(r"Used (\d+) registers", report)
    spilled = re.search(r"(\d+) bytes spill stores", report)
    if used is None or spilled is None:
        raise RuntimeError(f"nvJitLink does not say how many registers are used: {report}")
    return {"registers": int(used[1]), "spilled": int(spilled[1])}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    options.add_argument("--ptx", type=Path, metavar="FOLDER", help="write the PTX there")
    arguments = options.parse_args()
    found = print_environment()
    results: dict[str, dict[str, dict[str, int]]] = {}
    bad = []
    for target in arguments.targets:
        results[target] = {}
        for name, (kernel, margin) in CASES.items():
            try:
                text = compiled(kernel, margin, target)
                values = results[target][name] = instructions(text) | registers(text, target)
            # NVVM, NVRTC or nvJitLink are not there.
            except (ImportError, OSError, DynamicLibNotFoundError) as error:
                print(f"needs NVIDIA's compilers, pip install 'focalboost[cuda]': {error}", file=sys.stderr)
                raise SystemExit(2) from error
            # A finding; the linker's errors have no public class.
            except Exception as error:  # noqa: BLE001
                what = f"{type(error).__name__}: {_cuda._one_line(error)}"
                print(f"FAIL {name}, {target}: {what}. {_cuda._cure()}")
                bad.append(f"{name}, {target}")
                continue
            if arguments.ptx is not None:
                arguments.ptx.mkdir(parents=True, exist_ok=True)
                file = f"{name.replace(', ', '_').replace(' ', '_')}_{target}.ptx"
                (arguments.ptx / file).write_text(text)
            watched = ("f64", "division rn", "calls", "local", "spilled")
            if "float64" not in name and any(values[word] for word in watched):
                bad.append(f"{name}, {target}")
        rows = [
            [name, *(str(values[column]) for column in HEAD[1:])] for name, values in results[target].items()
        ]
        print_table(f"PTX and machine code for {target}", HEAD, rows)
    save(arguments.json, found, results)
    if bad:
        raise SystemExit(f"not compiled, or with double precision, calls or memory traffic: {'; '.join(bad)}")


if __name__ == "__main__":
    main()
