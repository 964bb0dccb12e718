"""What is reported of one topic of a bag."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND
from liquid_pilot.utils.foreign_text import plain_text


@dataclass
class TopicReport:
    """Counts and stamps of the messages on one topic of one bag."""

    type: str
    """Type of the messages, such as 'sensor_msgs/msg/Imu'."""
    clock: str
    """Source of the stamps: 'header' or 'log'."""
    stamps_ns: list[int] = field(default_factory=list)
    """Stamps of the usable messages in their order in the bag, ns."""
    refused: int = 0
    """Number of messages that could not be used."""
    first_reason: str = ''
    """Why the first of them could not be used."""

    def refuse(self, reason: str) -> None:
        """Count a message that cannot be used."""
        self.refused += 1
        self.first_reason = self.first_reason or reason

    def to_json(self, max_gap_s: float) -> dict[str, Any]:
        """Return counts, median rate and gaps as plain values.

        Args:
            max_gap_s: time between two messages above which it counts as a gap, s.
        """
        stamps = np.sort(np.array(self.stamps_ns, np.int64))
        gaps = np.diff(stamps) / NANOSECONDS_PER_SECOND
        positive = gaps[gaps > 0]
        period_s = float(np.median(positive)) if len(positive) else math.nan
        return {
            'type': self.type,
            'stamps': self.clock,
            'messages': len(stamps),
            'rate_hz': round(1.0 / period_s, 2) if len(positive) else None,
            'gaps': int(np.count_nonzero(gaps > max_gap_s)),
            'longest_gap_s': round(float(gaps.max()), 3) if len(gaps) else None,
            'out_of_order': int(np.count_nonzero(np.diff(self.stamps_ns) < 0)),
            'refused': self.refused,
            'why': self.first_reason,
        }


def table_lines(topics: dict[str, dict[str, Any]]) -> list[str]:
    """Return a line of the report for each topic.

    Args:
        topics: what `TopicReport.to_json` gives, by topic.
    """
    lines = []
    for topic, entry in topics.items():
        rate = '-' if entry['rate_hz'] is None else f'{entry["rate_hz"]:.1f}'
        order = entry['out_of_order']
        remarks = [
            f'{order} out of order, sorted by their stamps' if order else '',
            entry['why'],
        ]
        remark = plain_text('; '.join(filter(None, remarks)))
        lines.append(
            f'  {topic:<30} {entry["messages"]:>8} {rate:>7} {entry["gaps"]:>5} '
            f'{entry["refused"]:>7}  {entry["stamps"]}{f"  {remark}" if remark else ""}'
        )
    return lines


TABLE_HEAD = f'{"topic":<32} {"messages":>8} {"Hz":>7} {"gaps":>5} {"refused":>7}  stamps'
"""Head of the lines of `table_lines`."""
