"""An ONNX graph of fixed shapes, run by ONNX Runtime on preallocated memory."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError

# Some builds of ONNX Runtime report their use over the network, unless this is set when they are
# first imported. A vehicle must not; set the variable to 0 before the start to allow it.
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')

import onnxruntime

_MAX_ARENA_BYTES = 512 << 20
"""Largest memory of all graphs of a process, which a pilot file decides."""


class OnnxSession:
    """A session of one ONNX graph whose inputs and outputs are float32 of fixed shapes.

    Write into the arrays of `inputs`, call the object, and read the arrays of `outputs`. They stay
    in place, so use an object from one thread only.

    Args:
        model: the bytes of the ONNX file.
        inputs: shape of each input by name.
        outputs: shape of each output by name.
        threads: threads of ONNX Runtime.
        where: name of the file in error messages.
        purpose: what to do about another signature, for error messages.

    Raises:
        LiquidPilotError: the graph cannot be loaded or has another signature.
    """

    def __init__(
        self,
        model: bytes,
        inputs: Mapping[str, tuple[int, ...]],
        outputs: Mapping[str, tuple[int, ...]],
        threads: int,
        where: str,
        purpose: str,
    ) -> None:
        self._where = where
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        # A spinning pool takes the core from the camera driver and the simulator.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        if _register_bounded_arena():
            options.add_session_config_entry('session.use_env_allocators', '1')
        # Errors are raised, so the runtime need not print them as well.
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=['CPUExecutionProvider']
            )
        except Exception as error:  # ONNX Runtime raises many types without a common base
            raise LiquidPilotError(
                f'{where}: cannot be loaded ({_reason(error)}); export the pilot again'
            ) from error
        _check_signature(where, 'input', self._session.get_inputs(), inputs, purpose)
        _check_signature(where, 'output', self._session.get_outputs(), outputs, purpose)
        self.inputs: dict[str, npt.NDArray[np.float32]] = {
            name: np.zeros(shape, np.float32) for name, shape in inputs.items()
        }
        """The input of each name, to be written."""
        self.outputs: dict[str, npt.NDArray[np.float32]] = {
            name: np.zeros(shape, np.float32) for name, shape in outputs.items()
        }
        """The output of each name, to be read."""
        self._binding = self._session.io_binding()
        for arrays, bind in (
            (self.inputs, self._binding.bind_input),
            (self.outputs, self._binding.bind_output),
        ):
            for name, array in arrays.items():
                bind(name, 'cpu', 0, np.float32, array.shape, array.ctypes.data)

    def __call__(self) -> None:
        """Run the graph from `inputs` to `outputs`.

        Raises:
            LiquidPilotError: the graph fails.
        """
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:
            raise LiquidPilotError(
                f'{self._where}: cannot be run ({_reason(error)}); export the pilot again'
            ) from error


def _check_signature(
    where: str,
    what: str,
    nodes: Sequence[Any],
    shapes: Mapping[str, tuple[int, ...]],
    purpose: str,
) -> None:
    """Raise LiquidPilotError unless the graph has exactly these inputs or outputs."""
    found = sorted((node.name, node.type, list(node.shape)) for node in nodes)
    expected = sorted((name, 'tensor(float)', list(shape)) for name, shape in shapes.items())
    if found != expected:
        text = ', '.join(f'{name!r} of shape {list(shape)}' for name, shape in shapes.items())
        has = ', '.join(f'{name!r} {kind} {shape}' for name, kind, shape in found) or 'none'
        raise LiquidPilotError(
            f'{where}: its {what} must be {text}, float32, and is {has[:300]}; {purpose}'
        )


def _reason(error: Exception) -> str:
    """Return the message of ONNX Runtime on one line."""
    text = ' '.join(str(error).split()) or repr(error)
    return text if len(text) <= 300 else text[:297] + '...'


@functools.lru_cache(maxsize=1)
def _register_bounded_arena() -> bool:
    """Register one bounded arena for the graphs of this process, and return whether it exists.

    Without a bound, a file of a hundred bytes can ask for a tensor that fills the machine.
    """
    try:
        memory = onnxruntime.OrtMemoryInfo(
            'Cpu',
            onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
            0,
            onnxruntime.OrtMemType.DEFAULT,
        )
        onnxruntime.create_and_register_allocator(
            memory, onnxruntime.OrtArenaCfg({'max_mem': _MAX_ARENA_BYTES})
        )
    except Exception:  # another library of this process has one, or ONNX Runtime is older
        return False
    return True
