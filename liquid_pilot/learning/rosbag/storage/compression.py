"""Compression by zstandard and LZ4, with limits on what comes out of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import lz4.frame  # type: ignore[import-untyped]
import zstandard

MAX_BYTES = 1 << 27
"""Size above which one message or chunk is refused after decompression, bytes."""
ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
"""First bytes of data that are compressed with zstandard."""
LZ4_MAGIC = b'\x04\x22\x4d\x18'
"""First bytes of data that are compressed with LZ4."""
_PIECE = 1 << 20


def decompress(data: bytes, max_bytes: int = MAX_BYTES) -> bytes:
    """Return data that are compressed with zstandard or LZ4, as their first bytes say.

    Args:
        data: the compressed data.
        max_bytes: size above which they are refused.

    Raises:
        ValueError: the data are damaged, too large, or of another compression.
    """
    if data.startswith(ZSTD_MAGIC):
        pieces = _zstd_pieces(data)
    elif data.startswith(LZ4_MAGIC):
        pieces = _lz4_pieces(data)
    else:
        raise ValueError(f'neither zstandard nor LZ4 (it begins with {data[:4].hex(" ")})')
    made, size = [], 0
    try:
        for piece in pieces:
            size += len(piece)
            if size > max_bytes:
                raise ValueError(f'it holds more than {max_bytes >> 20} MiB')
            made.append(piece)
    except (zstandard.ZstdError, RuntimeError, EOFError, MemoryError) as error:
        raise ValueError(f'damaged ({error or type(error).__name__})') from None
    return b''.join(made)


def _zstd_pieces(data: bytes) -> Iterator[bytes]:
    size, declared = 0, zstandard.frame_content_size(data)
    with zstandard.ZstdDecompressor().stream_reader(data) as stream:
        while piece := stream.read(_PIECE):
            size += len(piece)
            yield piece
    # The reader takes the end of the data for the end of the frame.
    if declared >= 0 and size != declared:
        raise EOFError('cut short')


def _lz4_pieces(data: bytes) -> Iterator[bytes]:
    context = lz4.frame.LZ4FrameDecompressor()
    yield context.decompress(data, _PIECE)
    while not context.eof:
        piece = context.decompress(b'', _PIECE)
        if not piece:
            raise EOFError('cut short')
        yield piece


def decompress_file(source: IO[bytes], target: IO[bytes]) -> None:
    """Write a file that is compressed with zstandard, without the compression.

    Raises:
        ValueError: it is damaged.
    """
    try:
        zstandard.ZstdDecompressor().copy_stream(source, target)
    except zstandard.ZstdError as error:
        raise ValueError(f'damaged ({error})') from None
