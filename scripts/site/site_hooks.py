"""What the documentation site has beyond the pages in `docs/`; mkdocs.yml names this file.

Pages link to other files of the repository, and must also be readable where there is no site. So
they name those files by relative paths, and here these files become part of the site: a Markdown
page as a page, a text file as a page that shows it, anything else as it is. A link to a file that
is not there stays as it was, and is then a warning, which is an error.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    'CONTRIBUTING.md': 'project/contributing.md',
    'SECURITY.md': 'project/security.md',
    'examples/README.md': 'project/examples.md',
    'pilots/README.md': 'project/pilots.md',
    'studies/README.md': 'studies/index.md',
    **{
        f'studies/{page.parent.name}/README.md': f'studies/{page.parent.name}.md'
        for page in sorted((ROOT / 'studies').glob('*/README.md'))
    },
}
"""Pages outside of `docs/` that are part of the site, and their places in it."""
HOME = {'README.md': 'index.md'}
"""Pages of the repository that the site has in other words."""
FILES = 'files'
"""Folder of the site for the files that pages link."""
LANGUAGES = {
    '.py': 'python',
    '.yaml': 'yaml',
    '.toml': 'toml',
    '.rst': 'rst',
    '.xml': 'xml',
    '': '',
}
"""Files that are shown on a page of their own: suffix to language."""
_LINK = re.compile(r'(\]\(\s*<?)([^)\s#>]+)((?:#[^)\s>]*)?>?[^)]*\))')
_FENCE = re.compile(r'^\s*(```+|~~~+)')
_progress: dict[str, Any] = {}


def on_files(files: Any, config: Any) -> Any:
    """Add the pages outside of `docs/`, and the files that any page links."""
    for path, uri in PAGES.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / path)))
    for page in list(files.documentation_pages()):
        for target in outside_links(page.content_string, repository_path(page.src_uri)):
            uri = site_path(target)
            if files.get_file_from_path(uri) is None and (ROOT / target).is_file():
                files.append(_file(config, target, uri))
    _start_progress(len(list(files.documentation_pages())))
    return files


def _file(config: Any, target: str, uri: str) -> File:
    path = ROOT / target
    if path.suffix == '.md' or not uri.endswith('.md'):
        return File.generated(config, uri, abs_src_path=str(path))
    text = (
        f'---\nsearch:\n  exclude: true\nhide:\n  - toc\n---\n# {path.name}\n\n`{target}`\n\n'
        f'~~~~~~{LANGUAGES[path.suffix]}\n{path.read_text()}~~~~~~\n'
    )
    return File.generated(config, uri, content=text)


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Let the links to files outside of `docs/` lead to their places in the site."""
    own = repository_path(page.file.src_uri)
    here = posixpath.dirname(page.file.src_uri)

    def relink(match: re.Match[str]) -> str:
        target = resolve(match[2], own)
        if target is None or (own.startswith('docs/') and target.startswith('docs/')):
            return match[0]
        return f'{match[1]}{posixpath.relpath(site_path(target), here or ".")}{match[3]}'

    return '\n'.join(
        line if in_code else _LINK.sub(relink, line)
        for line, in_code in lines_of(for_the_site(markdown))
    )


def for_the_site(markdown: str) -> str:
    """Return the text of a page in which what is folded away is Markdown too."""
    return markdown.replace('<details>', '<details markdown="1">')


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Show the progress of the build."""
    if _progress:
        _progress['bar'].advance(_progress['task'])
    return html


def on_post_build(config: Any) -> None:
    """End the display of the progress."""
    _stop_progress()


def on_build_error(error: Exception) -> None:
    """End the display of the progress."""
    _stop_progress()


def _start_progress(pages: int) -> None:
    from liquid_pilot.utils.progress import make_progress

    _stop_progress()
    bar = make_progress(transient=True)
    bar.start()
    _progress.update(bar=bar, task=bar.add_task('pages', total=pages))


def _stop_progress() -> None:
    if _progress:
        _progress.pop('bar').stop()
        _progress.clear()


def lines_of(markdown: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a page, each with whether it is part of a fenced block."""
    fence = ''
    for line in markdown.split('\n'):
        match = _FENCE.match(line)
        yield line, bool(fence or match)
        if match and not fence:
            fence = match[1]
        elif match and match[1].startswith(fence) and line.strip() == match[1]:
            fence = ''


def outside_links(markdown: str, own: str) -> Iterator[str]:
    """Yield the paths of the files outside of `docs/` that a page links.

    Args:
        markdown: text of the page.
        own: its path, relative to the repository.
    """
    for line, in_code in lines_of(markdown):
        for match in () if in_code else _LINK.finditer(line):
            target = resolve(match[2], own)
            if target is not None and not target.startswith('docs/'):
                yield target


def resolve(link: str, own: str) -> str | None:
    """Return the path that a link means, relative to the repository.

    Args:
        link: target of the link, without the part from `#` on.
        own: path of the page, relative to the repository.

    Returns:
        The path; that of its README.md, for a folder that has one; None for an address.
    """
    if ':' in link or link.startswith('/'):
        return None
    target = posixpath.normpath(posixpath.join(posixpath.dirname(own), link))
    readme = posixpath.join(target, 'README.md')
    return readme if (ROOT / readme).is_file() else target


def repository_path(uri: str) -> str:
    """Return the path in the repository of a page of the site."""
    if uri.startswith(f'{FILES}/'):
        return uri.removeprefix(f'{FILES}/')
    return next((path for path, own in PAGES.items() if own == uri), f'docs/{uri}')


def site_path(target: str) -> str:
    """Return the path in the site of a file of the repository."""
    if target in HOME or target in PAGES:
        return {**HOME, **PAGES}[target]
    if target.startswith('docs/'):
        return target.removeprefix('docs/')
    suffix = posixpath.splitext(target)[1]
    return f'{FILES}/{target}.md' if suffix in LANGUAGES else f'{FILES}/{target}'
