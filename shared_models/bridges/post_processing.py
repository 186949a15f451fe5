"""Where in a graph learning ends: what comes behind chooses and sorts, and has no gradient."""

from collections.abc import Mapping
from typing import Final

from shared_models.bridges.data_flow import FLOAT, DataFlow

CHOICES: Final = frozenset({"NonMaxSuppression", "NonZero", "ArgMax", "ArgMin", "Loop", "If", "Scan"})
LEARNED: Final = frozenset({"Conv", "ConvInteger", "MatMul", "MatMulInteger", "Gemm", "ConvTranspose"})


def float_frontier(flow: DataFlow, types: Mapping[str, int]) -> tuple[str, ...]:
    """Return the float tensors that no choice has touched and that only choices or the caller read.

    A TopK with layers behind it chooses queries inside the network; one without only sorts the results.
    """
    learned_behind = [False] * len(flow.nodes)
    for index in reversed(range(len(flow.nodes))):
        readers = [reader for name in flow.nodes[index].output for reader in flow.readers.get(name, [])]
        learned_behind[index] = any(
            learned_behind[reader] or flow.nodes[reader].op_type in LEARNED for reader in readers
        )
    plain = {flow.image}
    for index, node in enumerate(flow.nodes):
        is_choice = node.op_type in CHOICES or (node.op_type == "TopK" and not learned_behind[index])
        read = [name for name in node.input if name in flow.readers]
        if read and not is_choice and all(name in plain for name in read):
            plain.update(filter(None, node.output))
    return tuple(
        name
        for name, readers in flow.readers.items()
        if name in plain
        and name != flow.image
        and types.get(name) == FLOAT
        and (name in flow.outputs or any(not plain & set(flow.nodes[r].output) for r in readers))
    )
