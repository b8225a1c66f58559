"""Models as ONNX with the outputs of predict_proba and predict: for servers without Python's training stack.

`to_onnx` takes a classifier or a booster with a stored loss, `register_converters` registers the classifiers
with skl2onnx, for pipelines that end in one. Trees and the closed form of the posterior are in the graph:
what runs it needs neither focalboost nor the booster. Needs the extra: `pip install 'focalboost[onnx]'`.
"""

from focalboost.onnx._extra import require

require("onnx")

from focalboost.onnx._export import to_onnx  # noqa: E402  # needs ONNX

# Not public, for comparisons.
from focalboost.onnx._log_loss import log_loss_to_onnx as log_loss_to_onnx  # noqa: E402
from focalboost.onnx._register import register_converters  # noqa: E402

__all__ = ["register_converters", "to_onnx"]

for _name in __all__:
    globals()[_name].__module__ = __name__  # pickles name the public path, whatever file a thing moves to
