"""The pages of the documentation, their blocks of code, and the commands in them.

A block is fenced or indented by four columns. Its language is that behind the fence; without one,
it is `python` where the first line imports something, `console` where a line begins with the name
of a program, else `text`. Markers of prompts (`$ `) are dropped.

A comment with the word `needs` says what a command, or a block, needs that is not there when the
tests run: behind the command, or on a line of its own above it, which holds to the block's end.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGES = [
    *(ROOT / name for name in ('README.md', 'CONTRIBUTING.md', 'SECURITY.md')),
    *(ROOT / folder / 'README.md' for folder in ('pilots', 'examples', 'studies')),
    *sorted(ROOT.glob('studies/*/README.md')),
    *sorted((ROOT / 'docs').rglob('*.md')),
]
CONSOLE = ('console', 'bash', 'sh', 'shell')
PROGRAMS = {
    *('./run', 'liquid-pilot', 'python', 'pip', 'pre-commit', 'git'),
    *('ros2', 'colcon', 'rosdep', 'gz', 'make', 'docker', 'vcgencmd'),
    *('sudo', 'journalctl', 'systemctl', 'source', 'eval', 'export'),
    *('echo', 'mkdir', 'tar', 'cd', 'cp', 'cat', 'curl'),
}
"""Programs that a line of a block without a language begins with, if it is a command."""
_FENCE = re.compile(r'^( *)(```+|~~~+) *([\w-]*)([^`]*)$')
_ASSIGNMENT = re.compile(r'[A-Z_]+=\S* ')


@dataclass
class Block:
    """A block of code on a page."""

    lines: list[str]
    language: str
    line: int
    """Number of its first line on the page."""
    title: str = ''
    """Name of the file that it shows, from `title="..."` behind the fence; empty: none."""

    @property
    def text(self):
        return '\n'.join(self.lines)

    @property
    def needs(self):
        """What a comment in its first line says that it needs; empty: nothing."""
        _, mark, comment = self.lines[0].partition('#')
        return comment.strip() if mark and 'needs' in comment else ''


@dataclass
class Command:
    """One command of a page."""

    text: str
    needs: str
    """What it needs that is not here; empty: it is run."""
    line: int
    """Number of the line on the page that its block begins in."""

    @property
    def parts(self):
        """The commands that it is made of, each a list of words, without variables and pipes."""
        found = []
        for part in re.split(r' (?:&&|\||;) ', _ASSIGNMENT.sub('', self.text)):
            words = shlex.split(part)
            found.append(words[: words.index('>')] if '>' in words else words)
        return found


def name(page):
    """The path of a page in the repository, as tests are named by it."""
    return str(page.relative_to(ROOT))


def blocks(text):
    """The blocks of a page's text, in order, without their indentation."""
    found, fence, block, start, blank = [], None, [], 0, True
    for number, line in enumerate([*text.splitlines(), ''], 1):
        match = _FENCE.match(line)
        if fence:
            if match and match[2].startswith(fence[2]) and not match[3]:
                found.append((block, fence[3], start, fence[4]))
                fence, block = None, []
            else:
                block.append(line)
        elif match and not (block and line.startswith('    ')):
            found += [(block, '', start)] if block else []
            fence, block, start = match, [], number + 1
        elif re.match(r' {4}', line) and (block or blank):
            start = start if block else number
            block.append(line)
        elif block and not line.strip():
            block.append('')
        elif block:
            found.append((block, '', start))
            block = []
        blank = not line.strip()
    if block and not fence:
        found.append((block, '', start))
    assert fence is None, f'a fence is not closed: {fence}'
    return [_block(*each) for each in found]


def _block(lines, language, start, attributes=''):
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    indent = min((len(each) - len(each.lstrip()) for each in lines if each.strip()), default=0)
    lines = [each[indent:] for each in lines]
    title = re.search(r'title="([^"]+)"', attributes)
    return Block(lines or [''], language or _guess(lines), start, title[1] if title else '')


def _guess(lines):
    if lines and re.match(r'(import|from) ', lines[0]):
        return 'python'
    words = [line.split()[0].removeprefix('$') for line in lines if line.strip()]
    return 'console' if PROGRAMS & set(words) else 'text'


def commands(text):
    """The commands of a page's text, in order."""
    found = []
    for block in blocks(text):
        if block.language in CONSOLE:
            found += _commands(block)
    return found


def _commands(block):
    needs = ''
    prompts = any(line.startswith('$ ') for line in block.lines)
    for line in block.text.replace('\\\n', ' ').splitlines():
        if prompts and not line.startswith(('$ ', '#')):
            continue  # what a command prints
        text, _, comment = line.removeprefix('$ ').partition('#')
        if not text.strip():
            needs = comment.strip() if 'needs' in comment else ''
        else:
            own = comment.strip() if 'needs' in comment else needs
            yield Command(' '.join(text.split()), own, block.line)


def snippets(text):
    """The blocks of Python of a page's text, in order."""
    return [block for block in blocks(text) if block.language in ('python', 'pycon')]
