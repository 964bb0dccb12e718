"""Extensions of this package: objects that other packages add by entry points.

The names of extensions are read from the metadata of the installed packages, without importing
these. A package is imported when one of its objects is used for the first time. A package that is
broken therefore costs nothing until then, and the error then names it. `liquid-pilot doctor` looks
at all of them.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

from liquid_pilot.interfaces import LiquidPilotError

T = TypeVar('T')
_PREFIX = 'liquid_pilot.'
_NAME = re.compile(r'[a-z][a-z0-9_]*')
_NOT_LOADED = object()


class Extension:
    """One entry point of another package.

    Args:
        entry: the entry point.
        package: name of the package.
        version: version of the package.
    """

    def __init__(self, entry: EntryPoint, package: str, version: str) -> None:
        self.name, self.group, self.value = entry.name, entry.group, entry.value
        self.package, self.version = package, version
        self._object: Any = _NOT_LOADED
        self._problem = ''

    def __str__(self) -> str:
        """Return the package with its version, such as 'my_robots 1.0'."""
        return f'{self.package} {self.version}'

    def load(self) -> Any:
        """Return the object of the entry point; its package is imported at most once.

        Raises:
            LiquidPilotError: the object cannot be imported; the message says what to do.
        """
        if self._object is _NOT_LOADED and not self._problem:
            self._load()
        if self._problem:
            raise LiquidPilotError(self._problem)
        return self._object

    def _load(self) -> None:
        module, _, attributes = self.value.partition(':')
        try:
            found: Any = importlib.import_module(module.strip())
        except ImportError as error:
            self._problem = (
                f'{module} cannot be imported ({error}); install what it needs, or uninstall '
                f'{self.package}'
            )
            return
        # A module may raise anything, and one that calls sys.exit must not end this program.
        except (Exception, SystemExit) as error:
            said = describe_error(error, module)
            self._problem = (
                f'{module} cannot be imported ({said}); repair it, or uninstall {self.package}'
            )
            return
        for attribute in filter(None, attributes.strip().split('.')):
            if not hasattr(found, attribute):
                self._problem = (
                    f'{module} has no {attribute!r}; correct the entry point in the pyproject.toml '
                    f'or setup.py of {self.package}'
                )
                return
            found = getattr(found, attribute)
        self._object = found


@functools.lru_cache(maxsize=1)
def _installed(path: tuple[str, ...]) -> dict[str, list[Extension]]:
    """Return the extensions of all packages on a path (that of this process) by group."""
    found: dict[str, list[Extension]] = {}
    seen: set[str] = set()
    for distribution in distributions(path=list(path)):
        try:
            extensions = _extensions_of(distribution, seen)
        # A file that is damaged, or not UTF-8, can raise nearly anything.
        except Exception as error:
            said = describe_error(error).partition(', at ')[0]
            warnings.warn(
                f'the entry points of an installed package cannot be read ({said}) and are left '
                f'out; install it again: {getattr(distribution, "_path", "")}',
                stacklevel=2,
            )
            continue
        for extension in extensions:
            found.setdefault(extension.group, []).append(extension)
    return found


def _extensions_of(distribution: Distribution, seen: set[str]) -> list[Extension]:
    """Return the extensions of a package, unless it is among those `seen`, to which it is added."""
    # Most packages have nothing for us, and parsing their metadata takes long.
    if _PREFIX not in (distribution.read_text('entry_points.txt') or ''):
        return []
    package = distribution.metadata['Name'] or '(without a name)'
    if package in seen:
        return []  # A package that is on the path twice is imported from its first place.
    seen.add(package)
    return [
        Extension(entry, package, distribution.version)
        for entry in distribution.entry_points
        if entry.group.startswith(_PREFIX)
    ]


def installed_extensions(group: str) -> list[Extension]:
    """Return the extensions of a group in the order of their names; nothing is imported.

    Args:
        group: the entry-point group, such as 'liquid_pilot.vehicles'.
    """
    found = _installed(tuple(sys.path)).get(group, [])
    return sorted(found, key=lambda extension: (extension.name, extension.package))


def extension_groups() -> set[str]:
    """Return the entry-point groups of liquid_pilot that any installed package uses."""
    return set(_installed(tuple(sys.path)))


def describe_error(error: BaseException, module: str = '') -> str:
    """Return type and text of an error, and a place that it passed, in one line.

    Args:
        error: the error.
        module: name of a module, of whose top-level package the place is; empty: any place.

    Returns:
        The line. The place is the last one; it is left out where there is none.
    """
    text = ' '.join(f'{type(error).__name__}: {error}'.split())
    top = module.partition('.')[0]
    places = [
        f'{frame.filename}:{frame.lineno}'
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith('<')
        # A module that failed to import has left nothing but the names of its files.
        and (not top or top in (part.partition('.')[0] for part in Path(frame.filename).parts))
    ]
    return f'{text}, at {places[-1]}' if places else text


class Choices(Collection[str]):
    """The names of several collections, one after the other, each once.

    They are read anew whenever they are used, so that a package that is installed meanwhile counts.

    >>> tuple(Choices(('auto',), {'cmd_vel': 1}))
    ('auto', 'cmd_vel')
    """

    def __init__(self, *parts: Collection[str]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for part in self._parts for name in part))

    def __contains__(self, name: object) -> bool:
        return any(name in part for part in self._parts)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class ExtensionNames(Collection[str]):
    """The names of the extensions of a group, which need not be usable.

    Args:
        group: the entry-point group.
    """

    def __init__(self, group: str) -> None:
        self._group = group

    def __iter__(self) -> Iterator[str]:
        names = (extension.name for extension in installed_extensions(self._group))
        return iter(dict.fromkeys(names))

    def __contains__(self, name: object) -> bool:
        return any(name == each for each in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class ExtensionRegistry(Mapping[str, T], Generic[T]):
    """The objects of one kind by name: those of this package, and those of other packages.

    Iteration yields all names and imports nothing. Looking up a name imports its package and checks
    the object. The name of an object of this package cannot be taken by another one.

    Args:
        group: the entry-point group, such as 'liquid_pilot.vehicles'.
        noun: what an object is called in messages, such as 'vehicle'.
        page: path of the page that describes the protocol.
        built_in: objects of this package.
        problem_of: function that returns what is wrong with an object of another package, such as
            'is not a VehicleSpec', or an empty text.
        reserved: further names that no other package can use.
    """

    def __init__(
        self,
        group: str,
        noun: str,
        page: str,
        built_in: Mapping[str, T],
        problem_of: Callable[[Any], str],
        reserved: Collection[str] = (),
    ) -> None:
        self.group, self.noun, self.page = group, noun, page
        self.built_in = dict(built_in)
        self._problem_of, self._reserved = problem_of, reserved

    def __getitem__(self, name: str) -> T:
        """Return the object of a name.

        Raises:
            KeyError: there is no such name.
            LiquidPilotError: the object of another package cannot be used; the message names the
                package and says what to do.
        """
        found = [each for each in installed_extensions(self.group) if each.name == name]
        if name in self.built_in:
            for extension in found:
                warnings.warn(
                    f'the {self.noun} {name!r} of the package {extension} is not used: '
                    f'{self._name_problem(extension)}',
                    stacklevel=2,
                )
            return self.built_in[name]
        if not found:
            raise KeyError(name)
        problem = self.problem_of(found[0])
        if problem:
            self.fail(name, problem)
        value: T = found[0].load()
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(Choices(self.built_in, ExtensionNames(self.group)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in self.built_in or name in ExtensionNames(self.group)

    def extension(self, name: str) -> Extension | None:
        """Return the extension that a name means; None for a name of this package, or of nothing.

        Args:
            name: the name.
        """
        if name in self.built_in:
            return None
        return next((each for each in installed_extensions(self.group) if each.name == name), None)

    def is_usable(self, name: str) -> bool:
        """Return whether an object can be used; if that of another package cannot, warn of it.

        Args:
            name: the name.
        """
        extension = self.extension(name)
        problem = extension and self.problem_of(extension)
        if problem:
            warnings.warn(
                f'the {self.noun} {name!r} of the package {extension} is left out: {problem}',
                stacklevel=2,
            )
        return not problem

    def problem_of(self, extension: Extension) -> str:
        """Return why an extension of this group cannot be used, and what to do; empty: it can."""
        problem = self._name_problem(extension)
        if problem:
            return problem
        try:
            wrong = self._problem_of(extension.load())
        except LiquidPilotError as error:
            return str(error)
        return f'{extension.value} {wrong}; {self.page} shows one' if wrong else ''

    def make(self, name: str, members: Collection[str], function: Any, *arguments: Any) -> Any:
        """Return what a function of an extension makes, after checking it.

        Objects of this package are neither checked, nor are their errors changed.

        Args:
            name: name of the object that the function is part of.
            members: names of the members that the result must have.
            function: the function, called with the arguments.
            *arguments: its arguments.

        Raises:
            LiquidPilotError: the function of another package failed, or a member is missing; the
                message names the package.
        """
        if name in self.built_in:
            return function(*arguments)
        try:
            made = function(*arguments)
        except LiquidPilotError:
            raise
        except Exception as error:
            self.fail(name, f'it failed to start ({self.describe_error(name, error)})', error)
        missing = [member for member in members if not _has(made, member)]
        if missing:
            self.fail(
                name,
                f'the {type(made).__name__} that it makes has no {", ".join(map(repr, missing))}; '
                f'{self.page} shows one',
            )
        return made

    def describe_error(self, name: str, error: BaseException) -> str:
        """Return an error of an extension in one line, with the place in its package.

        Args:
            name: name of the extension.
            error: the error.
        """
        extension = self.extension(name)
        return describe_error(error, extension.value.partition(':')[0] if extension else '')

    def fail(self, name: str, problem: str, cause: BaseException | None = None) -> NoReturn:
        """Raise the LiquidPilotError of an extension that cannot be used, or has failed.

        Args:
            name: name of the extension.
            problem: what is wrong, and what to do.
            cause: the error behind it.
        """
        raise LiquidPilotError(
            f'the {self.noun} {name!r} of the package {self.extension(name)} cannot be used: '
            f'{problem}'
        ) from cause

    def _name_problem(self, extension: Extension) -> str:
        """Return what is wrong with the name of an extension; empty: nothing."""
        name, package = extension.name, extension.package
        if name in self.built_in or name in self._reserved:
            return f'liquid_pilot has that name itself; rename the entry point in {package}'
        if not _NAME.fullmatch(name):
            return (
                'a name has lower-case letters, digits and _, and begins with a letter; rename the '
                f'entry point in {package}'
            )
        others = [
            str(each)
            for each in installed_extensions(self.group)
            if each.name == name and each is not extension
        ]
        if others:
            return f'{", ".join(others)} has that name too; uninstall one of these packages'
        return ''


def _has(value: Any, member: str) -> bool:
    """Return whether an object has a member, without calling it where it is a property."""
    of_its_class = any(member in vars(base) for base in type(value).__mro__)
    return of_its_class or hasattr(value, member)


def instance_of(kind: type) -> Callable[[Any], str]:
    """Return a check that an object is an instance of a type, for `ExtensionRegistry`."""

    def problem_of(value: Any) -> str:
        if isinstance(value, kind):
            return ''
        return f'is an object of type {type(value).__name__}, not a {kind.__name__}'

    return problem_of


def is_callable(value: Any) -> str:
    """Check that an object can be called, for `ExtensionRegistry`."""
    return '' if callable(value) else 'cannot be called'
