"""The whole study with one command: run, ablation, score, tables, plot.

    python benchmarks/study/rerun.py FOLDER RESULTS [--out DIR] [--sets ...] [--repeats N] [--trials N]

FOLDER has the sets, RESULTS gets the predictions; after a kill the same command goes on. Scores, TABLES.md
and pictures go where the published ones are, or to DIR. Other options are those of `run_study.py`.
"""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

HERE = Path(__file__).resolve().parent
IMAGES = HERE.parent.parent / "docs" / "images"
HEAD = """# Study: all tables

Printed by `python benchmarks/study/study_tables.py` from `results/`; what they mean is in
[benchmarks/README.md](../README.md#study), what each contender, variant and measure is in `contenders.py`,
`ablation.py` and `measures.py`. Differences of log loss, Brier and costs are in % of the baseline, their
means geometric; intervals are 95 %; w / t / l: sets won, tied, lost by the interval over test rows.
"""


def stage(script: str, *arguments: str | Path, output: Path | None = None) -> None:
    """Run one script; its failure ends the study."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    print("+", *command[1:], flush=True)
    found = subprocess.run(command, check=True, text=True, stdout=None if output is None else subprocess.PIPE)
    if output is not None:
        output.write_text(HEAD + found.stdout, encoding="utf-8")


def main() -> None:
    """Run all stages."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--out", type=Path, help="for scores, tables and pictures")
    arguments, others = parser.parse_known_args()
    out = arguments.out or HERE
    images = IMAGES if arguments.out is None else out
    out.mkdir(parents=True, exist_ok=True)
    stage("run_study.py", arguments.folder, arguments.results, *others)
    stage("run_study.py", arguments.folder, arguments.results, "--ablation", *others)
    stage("score.py", arguments.results, "--out", out / "results")
    stage("study_tables.py", out / "results", output=out / "TABLES.md")
    stage("plot.py", out / "results", "--images", images)


if __name__ == "__main__":
    main()
