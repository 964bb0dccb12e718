"""A torch module as ONNX bytes, without a trace of the machine that exported it."""

from __future__ import annotations

import io
import warnings

import onnx
import torch
from torch import nn


def export(
    module: nn.Module, examples: tuple[torch.Tensor, ...], inputs: list[str], outputs: list[str]
) -> bytes:
    """The graph of `module` in evaluation mode, traced on `examples`, with its ends named.

    Torch writes stack traces, with the paths of files, into every node's metadata: they tell
    nothing to who flies, and are left out.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Deprecations inside the exporter are nothing that a reader could act on.
        warnings.simplefilter('ignore')
        torch.onnx.export(
            module.eval(),
            examples,
            input_names=inputs,
            output_names=outputs,
            dynamo=True,
            optimize=True,
            verbose=False,
        ).save(buffer)
    return strip_metadata(buffer.getvalue())


def strip_metadata(model: bytes) -> bytes:
    """The same graph without metadata and doc strings."""
    proto = onnx.load_from_string(model)
    graph = proto.graph
    for part in (
        proto,
        graph,
        *graph.node,
        *graph.input,
        *graph.output,
        *graph.value_info,
        *graph.initializer,
    ):
        del part.metadata_props[:]
        part.doc_string = ''
    return proto.SerializeToString()
