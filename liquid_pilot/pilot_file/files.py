"""The files of a pilot folder: their names, size limits, and how they are read safely."""

from __future__ import annotations

from pathlib import Path

from liquid_pilot.interfaces import LiquidPilotError

SPECIFICATION_FILE = 'pilot.json'
"""The specification, with the sha256 of the other files."""
CORE_FILE = 'core.safetensors'
"""The parameters of a liquid core."""
CORE_GRAPH_FILE = 'core.onnx'
"""A core that is not liquid, as a graph of one step."""
ENCODER_FILE = 'encoder.onnx'
"""The image encoder."""
STATISTICS_FILE = 'adaptation.safetensors'
"""The training statistics of a pilot that can adapt."""
OPTIONAL_FILES = (CORE_FILE, CORE_GRAPH_FILE, STATISTICS_FILE)
"""Files that some pilots have and others have not."""
_MAX_FILE_BYTES = {
    SPECIFICATION_FILE: 1 << 20,
    CORE_FILE: 64 << 20,
    ENCODER_FILE: 64 << 20,
    CORE_GRAPH_FILE: 64 << 20,
    STATISTICS_FILE: 64 << 20,
}


def read_file(folder: Path, name: str) -> bytes:
    """Return the content of a file of a pilot folder.

    Args:
        folder: the pilot folder.
        name: one of the names above.

    Raises:
        LiquidPilotError: when the file is missing, larger than its limit, not readable, or a link
            out of the folder.
    """
    file = folder / name
    try:
        target = file.resolve(strict=True)
        if not target.is_relative_to(folder.resolve()):
            raise LiquidPilotError(
                f'{file}: is a link out of the folder; put the file itself there'
            )
        if not target.is_file():
            raise LiquidPilotError(f'{file}: is not a regular file')
        with open(target, 'rb') as stream:
            data = stream.read(_MAX_FILE_BYTES[name] + 1)
    except FileNotFoundError:
        raise LiquidPilotError(f'{file}: is missing') from None
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise LiquidPilotError(f'{file}: cannot be read ({error})') from None
    if len(data) > _MAX_FILE_BYTES[name]:
        raise LiquidPilotError(f'{file}: is larger than {_MAX_FILE_BYTES[name] >> 20} MiB')
    return data
