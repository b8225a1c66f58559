"""Formulas as MathML, which browsers show by themselves: no script, no font, nothing to fetch.

A `math_renderer` for Sphinx. The TeX of a formula is its `alttext`, for screen readers that know no MathML.
"""

# ruff: noqa: INP001  # Sphinx finds it by sys.path
from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util.math import get_node_equation_number

if TYPE_CHECKING:
    from sphinx.application import Sphinx


# Names of functions with no bracket behind them: TeX puts a thin space there.
FUNCTION = re.compile(r"(<mi>[a-z]{2,}</mi>)(?=<m(?:i|n|sub|sup|frac)\b)")
PRIME = "<mi>&#x02032;</mi>"


def mathml(tex: str, *, display: bool) -> str:
    """The formula as a `<math>` element."""
    tex = " ".join(tex.split())
    found = convert(tex, display="block" if display else "inline")
    found = FUNCTION.sub(r'\1<mspace width="0.1667em"/>', found)
    found = found.replace(PRIME, PRIME.replace("mi>", "mo>"))
    return found.replace("<math ", f'<math alttext="{escape(tex, quote=True)}" ', 1)


def visit_math(self: Any, node: nodes.math) -> None:
    self.body.append(mathml(node.astext(), display=False))
    raise nodes.SkipNode


def visit_displaymath(self: Any, node: nodes.math_block) -> None:
    # A wide formula scrolls in its box, which the keyboard can reach.
    self.body.append(self.starttag(node, "div", CLASS="math-display", TABINDEX="0"))
    self.body.append(mathml(node.astext(), display=True))
    if node.get("number"):
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})</span>')
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
