"""Exports torch modules as ONNX bytes that hold nothing of the machine that exported them."""

from __future__ import annotations

import io
import warnings

import onnx
import torch
from torch import nn


def export(
    module: nn.Module, examples: tuple[torch.Tensor, ...], inputs: list[str], outputs: list[str]
) -> bytes:
    """Return the graph of a module in evaluation mode, as ONNX bytes.

    Torch writes stack traces, with the paths of source files, into the metadata of every node. They
    are removed.

    Args:
        module: the module to export.
        examples: inputs to trace it on, of the shapes that the graph will take.
        inputs: names of the graph's inputs.
        outputs: names of the graph's outputs.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A reader can do nothing about deprecations inside the exporter.
        warnings.simplefilter('ignore')
        program = torch.onnx.export(
            module.eval(),
            examples,
            input_names=inputs,
            output_names=outputs,
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError('torch.onnx.export returned no program; the dynamo exporter returns one')
    # It takes an open file too, which its annotation leaves out.
    program.save(buffer)  # type: ignore[arg-type]
    return strip_metadata(buffer.getvalue())


def strip_metadata(model: bytes) -> bytes:
    """Return the same graph without metadata and doc strings."""
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
