"""Every command and every block of Python in the documentation runs, or says what it needs.

By default each is checked against the real parsers (program, options, arguments, topics, files),
and each import is tried. With `--all` they run, made small. A comment with the word `needs` says
why one cannot be run here; `support/data/pages.py` has the rules.
"""

import ast
import importlib
import json
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest
import ros_domain
import tomllib
import yaml
from page_checks import check_command
from page_reader import MADE_BY, Place, made_small
from pages import PAGES, ROOT, blocks, commands, name, snippets

NOT_RUN = ('./run test', './run docs')
"""The tests run neither themselves nor, here, the site, which `test_site.py` builds."""

TEST = 'test_documents.py'


@pytest.fixture(params=PAGES, ids=name)
def page(request):
    return request.param


@pytest.fixture(scope='module')
def reader(tmp_path_factory):
    """What the readers of all pages share: a folder, and what was run."""
    return tmp_path_factory.mktemp('shared'), set()


@pytest.fixture
def place(tmp_path, reader):
    """A page's own."""
    made = Place(tmp_path, *reader)
    yield made
    ros_domain.release(made.domain)


# Commands


def test_every_command_of_a_page_is_one_that_the_parsers_take(page):
    for command in commands(page.read_text()):
        try:
            check_command(command)
        except BaseException as error:
            pytest.fail(f'{name(page)}:{command.line}: {command.text}\n{error}', pytrace=False)


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('./run flie', 'there is no command flie'),
        ('./run fly --mission 3', 'no option --mission'),
        ('./run fly --missions many', 'whole number'),
        ('liquid-pilot fly --condition sno:3', 'sno'),
        ('liquid-pilot train --demonstrations D --out x --set core_epoch=3', 'core_epoch'),
        ('./run train --demonstrations D --out x --config config/quick.yaml', 'quick.yaml'),
        ('./run lint', 'there is no command lint'),
        ('python benchmarks/mission.py', 'mission.py is not'),
        ('python benchmarks/missions.py --mission 3', 'no option --mission'),
        ('ros2 launch liquid_pilot fly.launch.py mission:=3', 'mission'),
        ('ros2 run liquid_pilot guard --ros-args -p rates:=3', 'rates'),
        ('ros2 service call /guard/engage std_srvs/srv/Trigger', 'SetBool|Trigger'),
        ('ros2 topic echo /diagnostic', 'diagnostic'),
        ('rocket --launch', 'no program'),
    ],
)
def test_a_command_that_is_wrong_is_found(text, said, capsys):
    (command,) = commands(f'```console\n{text}\n```\n')
    with pytest.raises((Exception, SystemExit)) as caught:
        check_command(command)
    assert re.search(said, f'{caught.value} {caught.type} {capsys.readouterr().err}')


def test_a_command_that_cannot_run_here_says_what_it_needs():
    all_commands = [command for page in PAGES for command in commands(page.read_text())]
    needing = [command for command in all_commands if command.needs]
    running = [command for command in all_commands if not command.needs]
    assert len(running) > 40 and needing
    for command in needing:
        assert len(command.needs.partition('needs')[2].strip(' :')) > 3, command
    # What stands above a command is a need of its block alone.
    assert not [
        command
        for command in running
        if command.text.split()[0] not in ('./run', 'liquid-pilot', 'python', 'ros2')
        and not command.text.startswith('.venv/bin/')
    ]


@pytest.mark.slow
def test_the_commands_of_a_page_run_or_say_what_they_need(page, place):
    for command in commands(page.read_text()):
        if command.needs or command.text.startswith(NOT_RUN):
            continue
        place.prepare(inputs_of(command.text))
        place.run(made_small(command.text))


def inputs_of(text):
    """The command without what it writes."""
    return re.sub(r'--out \S+', '', text)


# Blocks of code

PRELUDES = {
    # page: (what is there before its first block, [(text, what is smaller)])
    'docs/how_to/evaluation.md': (
        'from pathlib import Path\nfrom liquid_pilot import pilot_file\n'
        "pilots = [pilot_file.load('pilots/forest-ltc')]\nfolder = Path('snippet')\n",
        [("'clear,all:3'", "'clear'"), ('range(100)', 'range(1)'), ('workers=2', 'workers=1')],
    ),
    'docs/how_to/recording.md': ('from pathlib import Path\n', []),
}
RUN_BLOCKS = """
import json, sys
sys.modules['page'] = page = type(sys)('page')
for line, text in json.load(sys.stdin):
    exec(compile('\\n' * (line - 1) + text, 'page', 'exec'), page.__dict__)
"""


def test_the_imports_of_a_page_are_there(page):
    own = {block.title.removesuffix('.py') for block in snippets(page.read_text())}
    for block in snippets(page.read_text()):
        where = f'{name(page)}:{block.line}'
        assert block.language == 'python', f'{where}: write it as a block that runs'
        tree = ast.parse(block.text, where)
        for node in ast.walk(tree) if not block.needs else ():
            if isinstance(node, ast.Import):
                modules = {alias.name.split('.')[0] for alias in node.names} - own
                assert all(map(find_spec, modules)), f'{where}: {modules}'
            elif isinstance(node, ast.ImportFrom) and node.module.startswith('liquid_pilot'):
                module = importlib.import_module(node.module)
                for alias in node.names:
                    whole = f'{node.module}.{alias.name}'
                    assert hasattr(module, alias.name) or find_spec(whole), f'{where}: {whole}'


def test_a_file_that_a_page_shows_is_run_by_a_test(page):
    """It is one of the examples, or part of a package that a test of this page installs."""
    shown = blocks(page.read_text())
    package = [block.text for block in shown if block.title == 'pyproject.toml']
    for block in snippets(page.read_text()) if not package else ():
        if block.title:
            where = f'{name(page)}:{block.line}'
            example = ROOT / 'examples' / block.title
            assert example.is_file(), f'{where}: {block.title} is no example'
            assert block.text.rstrip() == example.read_text().rstrip(), f'{where}: not the example'
    if package:
        tests = [path for path in (ROOT / 'test').rglob('test_*.py') if path.name != TEST]
        assert [path for path in tests if f"'{page.name}'" in path.read_text()], name(page)


def test_the_data_of_a_page_can_be_read(page):
    for block in blocks(page.read_text()):
        if block.language in ('yaml', 'yml'):
            assert yaml.safe_load(block.text) is not None, f'{name(page)}:{block.line}'
        elif block.language == 'json':
            json.loads(block.text)
        elif block.language == 'toml':
            tomllib.loads(block.text)


@pytest.mark.slow
@pytest.mark.parametrize('page', [page for page in PAGES if snippets(page.read_text())], ids=name)
def test_the_python_of_a_page_runs(page, place):
    """All blocks of a page run one after the other, as a reader types them."""
    prelude, smaller = PRELUDES.get(name(page), ('', []))
    texts = [(1, prelude)]
    for block in snippets(page.read_text()):
        if block.needs or block.title:
            continue
        text = block.text
        for word in re.findall(r"Path\('(\S+?)'\)", text):
            if word in MADE_BY and word != 'data':
                place.prepare(word)
        for before, after in smaller:
            assert before in text
            text = text.replace(before, after)
        texts.append((block.line, text))
    done = subprocess.run(
        [sys.executable, '-c', RUN_BLOCKS],
        input=json.dumps(texts),
        cwd=place.folder,
        env=place.environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f'{name(page)}\n{done.stderr}'


def test_no_block_is_still_to_be_written(page):
    for block in blocks(page.read_text()):
        assert not re.fullmatch(r'[A-Z]+_[A-Z_]+', block.text.strip()), f'{name(page)}:{block.line}'


# How a page is read


def test_blocks_are_fenced_or_indented():
    text = """A page.

```console
$ ./run fly --missions 3   # needs nothing
3 missions
$ ./run doctor
```

    # needs a robot
    liquid-pilot record \\
        --out x

- In a list:

    ```python
    import math
    ```

        from math import pi

```yaml
a: 1
```

    tau = cm / gleak
"""
    found = blocks(text)
    assert [block.language for block in found] == [
        *('console', 'console', 'python', 'python', 'yaml', 'text')
    ]
    assert [block.line for block in found] == [4, 9, 16, 19, 22, 25]
    assert [(command.text, command.needs) for command in commands(text)] == [
        ('./run fly --missions 3', 'needs nothing'),
        ('./run doctor', ''),
        ('liquid-pilot record --out x', 'needs a robot'),
    ]
    assert [block.text for block in snippets(text)] == ['import math', 'from math import pi']


def test_a_fence_that_is_not_closed_is_found():
    with pytest.raises(AssertionError, match='not closed'):
        blocks('```python\nimport math\n')
