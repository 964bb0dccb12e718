"""The documentation as a site: pages render as they read, links lead somewhere, nothing is loaded.

What needs mkdocs (extra `docs`) is skipped where it is not installed.
"""

import itertools
import os
import posixpath
import re
import runpy
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from pages import PAGES, ROOT, name

CONFIG = ROOT / 'mkdocs.yml'
needs_mkdocs = pytest.mark.skipif(
    not all(map(find_spec, ('mkdocs', 'material', 'mkdocstrings'))),
    reason='the extra `docs` is not installed (./run docs installs it)',
)
_LINK = re.compile(r'\]\(([^)\s]+)[^)]*\)|<img [^>]*src="([^"]+)"')
_CODE = re.compile(r'^( *)(```+|~~~+).*?^\1\2 *$|`[^`\n]+`', re.MULTILINE | re.DOTALL)
TAGS = {
    *('a', 'abbr', 'b', 'br', 'code', 'details', 'div', 'em', 'figcaption', 'figure', 'hr', 'i'),
    'blockquote',
    *('img', 'input', 'label', 'kbd', 'li', 'ol', 'p', 'pre', 's', 'span', 'strong', 'sub'),
    *('summary', 'sup', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul'),
    *('h1', 'h2', 'h3', 'h4', 'h5', 'h6'),
}

INLINE = {'a', 'abbr', 'b', 'br', 'code', 'em', 'i', 'img', 'kbd', 's', 'span', 'strong', 'sup'}
NOT_PROSE = {'code', 'pre', 'svg', 'title', 'script', 'style', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6'}


class Reader(HTMLParser):
    """Collects what a rendered page shows outside of code, its tags and its addresses."""

    def __init__(self, html):
        super().__init__()
        self.paragraphs, self.tags, self.loaded, self.ids = [], set(), [], set()
        self._open = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        attributes = dict(attributes)
        self.ids.add(attributes.get('id'))
        address = attributes.get('src' if tag in ('img', 'script', 'source', 'iframe') else 'href')
        if address and (tag != 'a'):
            self.loaded.append(address)
        if tag not in INLINE:
            self.paragraphs.append('')
        if tag not in ('br', 'hr', 'img', 'input', 'meta', 'link'):
            self._open.append(tag)

    def handle_endtag(self, tag):
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if tag not in INLINE:
            self.paragraphs.append('')

    def handle_data(self, data):
        if self.paragraphs and not NOT_PROSE & set(self._open):
            self.paragraphs[-1] += data


def breaks(html):
    """What a reader would see as broken: Markdown that was not understood."""
    reader = Reader(html)
    found = [f'<{tag}> is no tag: escape it' for tag in sorted(reader.tags - TAGS)]
    for text in reader.paragraphs:
        for line in text.splitlines():
            if re.match(r'\s*\|.*\|\s*$', line):
                found.append(f'a row without its table (a blank line before it?): {line}')
            elif re.match(r'\s*([-*+]|1[.)]) \S', line):
                found.append(f'an entry without its list (put a blank line before it): {line}')
            elif re.match(r'\s*(#{1,6} |```|~~~|!!! |\?\?\? )', line):
                found.append(f'a mark in the middle of a paragraph: {line}')
            elif re.search(r'\]\(\S+\)|\*\*\S', line):
                found.append(f'marks that were not understood: {line}')
    return found


@pytest.fixture(scope='module')
def render(hooks):
    """The function that renders the text of a page with the extensions of the site."""
    pytest.importorskip('pymdownx', reason='the extra `docs` is not installed')
    import markdown
    from mkdocs.config import load_config

    config = load_config(str(CONFIG))

    def to_html(text):
        text = hooks.for_the_site(re.sub(r'\A---\n.*?\n---\n', '', text, flags=re.DOTALL))
        extensions = config.markdown_extensions
        return markdown.markdown(text, extensions=extensions, extension_configs=config.mdx_configs)

    return to_html


@needs_mkdocs
@pytest.mark.parametrize('page', PAGES, ids=name)
def test_a_page_renders_as_it_reads(page, render):
    assert breaks(render(page.read_text())) == []


@needs_mkdocs
@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('| a | b |\n|---|---|\n| 1 | 2 |\n\n| 3 | 4 |\n', 'a row without its table'),
        ('Some:\n- one\n- two\n', 'an entry without its list'),
        ('It lies in runs/<time>.\n', '<time> is no tag'),
        ('Text\n```console\n./run\n', 'a mark in the middle'),
        ('See **this [that](a\nb.md).\n', 'not understood'),
        ('| a | b |\n|---|---|\n| 1 | `x|y` |\n\n- one\n\n# Head\n\n`|a|`\n', ''),
    ],
)
def test_what_does_not_render_is_found(text, said, render):
    found = '\n'.join(breaks(render(text)))
    assert said in found if said else not found


@pytest.mark.parametrize('page', PAGES, ids=name)
def test_every_link_leads_to_a_file(page):
    text = _CODE.sub('', page.read_text())
    for match in _LINK.finditer(text):
        target = unquote(match[1] or match[2]).partition('#')[0]
        if target and '://' not in target and not target.startswith('mailto:'):
            assert (page.parent / target).exists(), f'{name(page)}: {target} is not there'


def entries_of_the_navigation():
    """Yield each entry of the navigation as its title, or '', and the path of its page."""
    nav = re.search(r'^nav:\n(.*?)^\S', CONFIG.read_text(), re.MULTILINE | re.DOTALL)
    for match in re.finditer(r'- (?:"?([^"\n]+?)"?: )?([\w/]+\.md)$', nav[1], re.MULTILINE):
        yield match[1] or '', match[2]


def headings(text):
    """Return the level and the words of each heading of a page."""
    found = re.findall(r'^(#+) (.+)$', _CODE.sub('', text), re.MULTILINE)
    return [(len(marks), words) for marks, words in found]


def test_an_entry_of_the_navigation_is_the_title_of_its_page(hooks):
    """Or its part before the colon; the first page of a site has the title of the site."""
    entries = list(entries_of_the_navigation())
    assert len(entries) == len({uri for _, uri in entries}) > 50
    for entry, uri in entries:
        ((_, title), *_) = headings((ROOT / hooks.repository_path(uri)).read_text())
        assert uri == 'index.md' or entry in ('', title, title.partition(':')[0]), uri


@pytest.mark.parametrize('page', PAGES, ids=name)
def test_a_page_has_one_title_and_headings_skip_no_level(page):
    levels = [level for level, _ in headings(page.read_text())]
    assert levels.count(1) <= 1
    assert all(after <= before + 1 for before, after in itertools.pairwise([0, *levels]))


@pytest.mark.parametrize('page', PAGES, ids=name)
def test_every_picture_has_words_for_those_who_do_not_see_it(page):
    text = _CODE.sub('', page.read_text())
    pictures = [*re.findall(r'!\[([^\]]*)\]\(', text)]
    pictures += [
        (re.search(r'alt="([^"]*)"', tag) or '_ ')[1] for tag in re.findall('<img[^>]*>', text)
    ]
    assert all(len(words.split()) > 2 for words in pictures), pictures


@pytest.fixture(scope='module')
def hooks():
    pytest.importorskip('mkdocs', reason='the extra `docs` is not installed')
    return SimpleNamespace(**runpy.run_path(str(ROOT / 'scripts' / 'site' / 'site_hooks.py')))


@pytest.mark.parametrize(
    ('link', 'own', 'target', 'place'),
    [
        ('../../pilots/README.md', 'docs/how_to/a.md', 'pilots/README.md', 'project/pilots.md'),
        ('../../examples/', 'docs/how_to/a.md', 'examples/README.md', 'project/examples.md'),
        (
            'study.yaml',
            'studies/driving/README.md',
            'studies/driving/study.yaml',
            'files/studies/driving/study.yaml.md',
        ),
        ('../docs/index.md', 'pilots/README.md', 'docs/index.md', 'index.md'),
        ('no_harm', 'studies/README.md', 'studies/no_harm/README.md', 'studies/no_harm.md'),
        ('CODE.md', 'examples/README.md', 'examples/CODE.md', 'files/examples/CODE.md'),
        ('../README.md', 'docs/index.md', 'README.md', 'index.md'),
        ('https://example.org', 'docs/index.md', None, ''),
    ],
)
def test_a_link_out_of_docs_leads_to_a_place_in_the_site(hooks, link, own, target, place):
    assert hooks.resolve(link, own) == target
    assert target is None or hooks.site_path(target) == place


def test_every_page_outside_of_docs_is_in_the_site_and_its_navigation(hooks):
    navigation = CONFIG.read_text().partition('\nnav:')[2].partition('\nnot_in_nav')[0]
    outside = [page for page in PAGES if not page.is_relative_to(ROOT / 'docs')]
    pages = {str(page.relative_to(ROOT)) for page in outside}
    assert pages - {*hooks.PAGES, *hooks.HOME} == set()
    assert [place for place in hooks.PAGES.values() if f' {place}\n' not in navigation] == []


def test_links_in_code_are_left_alone(hooks):
    text = '[a](../run)\n```python\nx = [b](../setup.py)\n```\n[c](../LICENSE#top)\n'
    assert list(hooks.outside_links(text, 'docs/index.md')) == ['run', 'LICENSE']


# The whole site


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """The folder of the site, built as `./run docs` builds it."""
    folder = tmp_path_factory.mktemp('site')
    done = subprocess.run(
        [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--site-dir', folder],
        cwd=ROOT,
        env={**os.environ, 'NO_MKDOCS_2_WARNING': '1'},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'WARNING' not in done.stderr, done.stderr
    return folder


@pytest.mark.slow
@needs_mkdocs
def test_the_site_has_all_pages_and_loads_nothing_from_elsewhere(site):
    pages = sorted(site.rglob('*.html'))
    assert len(pages) > 40
    for page in pages:
        text = page.read_text()
        reader = Reader(text)
        # Material loads what draws mermaid, and the stars of a repository, from elsewhere.
        assert 'class="mermaid"' not in text, page
        for address in reader.loaded:
            assert '//' not in address or address.startswith('data:'), f'{page}: {address}'
            path = address.partition('?')[0].partition('#')[0]
            place = posixpath.normpath(page.parent / unquote(path))
            assert page.name == '404.html' or (site / place).exists(), f'{page}: {address}'
    for style in site.rglob('*.css'):
        assert not re.search(r'url\(["\']?(https?:)?//|@import', style.read_text()), style


@pytest.mark.slow
@needs_mkdocs
def test_the_python_reference_shows_every_public_name(site):
    import liquid_pilot

    ids = set()
    for page in (site / 'reference' / 'python').glob('*.html'):
        text = page.read_text()
        ids |= Reader(text).ids
        assert '&gt;&gt;&gt;' not in re.sub(r'<code>.*?</code>', '', text, flags=re.DOTALL), page
    assert [each for each in liquid_pilot.__all__ if f'liquid_pilot.{each}' not in ids] == []


@pytest.mark.slow
@needs_mkdocs
def test_a_link_to_a_file_of_the_repository_leads_to_a_page_that_shows_it(site):
    index = (site / 'project' / 'examples.html').read_text()
    (target,) = re.findall(r'href="([^"]*guard_by_hand\.py[^"]*)"', index)
    shown = (site / 'project' / target).resolve()
    assert 'Shows: ' in re.sub(r'<[^>]*>', '', shown.read_text())
