"""What cannot run an adopted model: the runtimes of JetPack 4.6, the last for the Nano."""

from typing import Any, Dict

from tools.adopt.opset import version_of
from tools.adopt.refusals import dimensions

# Sources: the release notes and `Versioning.md` of ONNX Runtime 1.10; the table in `docs/operators.md` of onnx-tensorrt
# 8.0, and what its `docs/Changelog.md` says that 8.2 added (Einsum, GatherND, IsNaN, Round, Scatter*, Sign).
ONNX_RUNTIME, TENSORRT = "ONNX Runtime 1.10", "TensorRT 8.2"
NEWEST = 15
UNKNOWN_TO_TENSORRT = set(
    "Bernoulli BitShift Col2Im Compress ConcatFromSequence ConvInteger DFT DeformConv Det DynamicQuantizeLinear Gelu "
    "GridSample GroupNormalization HammingWindow HannWindow HardSwish Hardmax IsInf LayerNormalization MatMulInteger "
    "MaxRoiPool MaxUnpool MeanVarianceNormalization Mish Mod Multinomial NegativeLogLikelihoodLoss NonZero OneHot "
    "QLinearConv QLinearMatMul RandomNormal RandomNormalLike RoiAlign STFT SequenceAt SequenceConstruct SequenceEmpty "
    "SequenceErase SequenceInsert SequenceLength Shrink SplitToSequence Trilu Unique Xor".split()
)


def cannot_run(model: Any, reason: str) -> Dict[str, str]:
    """The runtimes that cannot run a model, and why. reason: why its opset could not be lowered, or empty."""
    found: Dict[str, str] = {}
    operators = {node.op_type for node in model.graph.node}
    unknown = sorted(operators & UNKNOWN_TO_TENSORRT)
    if version_of(model) > NEWEST:
        found[ONNX_RUNTIME] = reason
    if unknown:
        found[TENSORRT] = f"it has no {', '.join(unknown)}"
    elif version_of(model) > 13:
        found[TENSORRT] = reason or f"opset {version_of(model)}"
    elif "Range" in operators and 0 in dimensions(model.graph.input[0]):
        found[TENSORRT] = "it cannot compute the grid of an input of any size; export it without dynamic=True"
    return found
