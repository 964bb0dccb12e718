"""The text of pages: wrapped paragraphs, and where missions and pilots are."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any


def wrap_paragraphs(text: str) -> str:
    """Return a text of paragraphs and headings with lines of at most 100 columns."""
    return '\n\n'.join(
        textwrap.fill(paragraph, 100, break_long_words=False, break_on_hyphens=False)
        for paragraph in text.strip().split('\n\n')
    )


def provenance(content: Mapping[str, Any], command: str) -> str:
    """Return the section of a page that says where missions and pilots are.

    Args:
        content: the results. 'raw_data' names the commit that holds missions and pilots, their
            folders and the command that evaluated them there; None: they are in the working
            folder. 'flight_versions' are the versions of the code that flew the missions.
        command: the command that flies and reports with the pilots of the working folder.
    """
    versions = ', '.join(f'`{version}`' for version in content['flight_versions']) or 'none'
    raw = content.get('raw_data')
    if raw is None:
        text = (
            'Missions and pilots are in the working folder of the study, under `runs/`. Flight '
            f'version (`liquid_pilot/evaluation/flight_version.py`): {versions}.'
        )
        return f'{wrap_paragraphs(text)}\n'
    commit, folders = raw['commit'], raw['folders']
    pilots = ' '.join(folder for folder in folders if folder.endswith('pilots'))
    flew = ', the pilots that flew them' if pilots else ''
    text = (
        f'The missions behind these figures{flew} and the code that wrote the figures are in '
        f'commit `{commit}`, in {_list([f"`{folder}`" for folder in folders])}. That code filed '
        f'its missions under the digest {versions}. With the code of that commit, to write the '
        'figures again from the missions:'
    )
    again = f"""{wrap_paragraphs(text)}

    git worktree add ../liquid_pilot-{commit} {commit}   # needs the history
    cd ../liquid_pilot-{commit} && PYTHONPATH=. {raw['command']}   # needs that folder
"""
    if not pilots:
        return again
    return f"""{again}
With the present code, to fly the pilots of that commit:

    mkdir -p runs && git archive {commit} {pilots} \\
        | tar -x -C runs --strip-components=1   # needs the history
    {command}   # needs many hours
"""


def _list(names: Sequence[str]) -> str:
    *others, last = names
    return f'{", ".join(others)} and {last}' if others else last
