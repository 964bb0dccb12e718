"""An ONNX graph of fixed shapes, run by ONNX Runtime on memory that is laid out once."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError

# Some builds report their use over the network, from a thread of their own, unless this is set
# when they are first imported. A vehicle does not phone home; who wants it sets it to 0.
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')

import onnxruntime

_MAX_ARENA_BYTES = 512 << 20
"""For all graphs of a process: what a pilot's file may ask for at most."""


class OnnxSession:
    """A graph whose inputs and outputs are exactly these, all float32: name -> shape.

    Write into the arrays of `inputs`, call, and read those of `outputs`; they stay in place, so an
    object is for one thread. `model` is the file's bytes, `where` its name in error messages.
    LiquidPilotError when it cannot be loaded or is another graph; `purpose` says what to do then.
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
        # What goes wrong is raised, so the runtime need not print it as well.
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=['CPUExecutionProvider']
            )
        except Exception as error:  # ONNX Runtime raises many kinds, with no base of their own
            raise LiquidPilotError(
                f'{where}: cannot be loaded ({_reason(error)}); export the pilot again'
            ) from error
        _check_signature(where, 'input', self._session.get_inputs(), inputs, purpose)
        _check_signature(where, 'output', self._session.get_outputs(), outputs, purpose)
        self.inputs = {name: np.zeros(shape, np.float32) for name, shape in inputs.items()}
        self.outputs = {name: np.zeros(shape, np.float32) for name, shape in outputs.items()}
        self._binding = self._session.io_binding()
        for arrays, bind in (
            (self.inputs, self._binding.bind_input),
            (self.outputs, self._binding.bind_output),
        ):
            for name, array in arrays.items():
                bind(name, 'cpu', 0, np.float32, array.shape, array.ctypes.data)

    def __call__(self) -> None:
        """From `inputs` to `outputs`; LiquidPilotError when the graph fails on the way."""
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:
            raise LiquidPilotError(
                f'{self._where}: cannot be run ({_reason(error)}); export the pilot again'
            ) from error


def _check_signature(
    where: str, what: str, nodes: list, wanted: Mapping[str, tuple[int, ...]], purpose: str
) -> None:
    """LiquidPilotError unless the graph has exactly these inputs or outputs."""
    found = sorted((node.name, node.type, list(node.shape)) for node in nodes)
    expected = sorted((name, 'tensor(float)', list(shape)) for name, shape in wanted.items())
    if found != expected:
        text = ', '.join(f'{name!r} of shape {list(shape)}' for name, shape in wanted.items())
        has = ', '.join(f'{name!r} {kind} {shape}' for name, kind, shape in found) or 'none'
        raise LiquidPilotError(
            f'{where}: its {what} must be {text}, float32, and is {has[:300]}; {purpose}'
        )


def _reason(error: Exception) -> str:
    """What ONNX Runtime says, on one line."""
    text = ' '.join(str(error).split()) or repr(error)
    return text if len(text) <= 300 else text[:297] + '...'


@functools.lru_cache(maxsize=1)
def _register_bounded_arena() -> bool:
    """Give the process's graphs one bounded arena; False where this ONNX Runtime cannot.

    A file of a hundred bytes can ask for a tensor that fills the machine.
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
    except Exception:  # another library in this process was first, or an older ONNX Runtime
        return False
    return True
