"""The examples that come with srtpbot: ``configs/`` of a checkout, ``bot/configs`` where it is installed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from bot.errors import ConfigError

__all__ = ["START", "Example", "copy", "examples", "folder", "write_new"]

START = "start"
"""The folder of ``srtpbot init``."""
SCHEMA = "scenario.schema.json"
COMMENT = re.compile(r"#+ (.*)|\"\"\"(.*)")
DIRECTIVE = "yaml-language-server"


@dataclass(frozen=True)
class Example:
    """A shipped file; its ``name`` is the path in the folder of examples."""

    name: str
    path: Path

    @property
    def summary(self) -> str:
        """The first sentence of its first comment."""
        for line in self.path.read_text(encoding="utf-8").splitlines():
            found = COMMENT.match(line)
            if found and DIRECTIVE not in line:
                return re.split(r"(?<=[\w)])[.?](?:\s|$)", found[1] or found[2])[0]
        return ""


def folder() -> Path:
    """The folder of all examples."""
    package = Path(str(resources.files("bot")))
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def examples() -> list[Example]:
    """All of them but the schema, by name."""
    top = folder()
    return [
        Example(path.relative_to(top).as_posix(), path)
        for path in sorted(top.rglob("*"))
        if path.is_file() and path.name != SCHEMA and "__pycache__" not in path.parts
    ]


def named(name: str) -> list[Example]:
    """The example of this name, with or without its folder and ending, or those in this folder.

    Raises ConfigError for an unknown or ambiguous name.
    """
    everything = examples()
    in_folder = [one for one in everything if one.name.startswith(f"{name.rstrip('/')}/")]
    if in_folder:
        return in_folder
    found = [one for one in everything if name in called(one)]
    if len(found) > 1:
        raise ConfigError(f"{name}: there are {', '.join(one.name for one in found)}; name one of them")
    if not found:
        from bot.config import did_you_mean

        hint = did_you_mean(name, sorted({alias for one in everything for alias in called(one)}))
        raise ConfigError(f"{name}: no such example{hint}; srtpbot examples list shows them")
    return found


def called(example: Example) -> set[str]:
    """The names by which a user may call an example."""
    path = Path(example.name)
    return {path.as_posix(), path.with_suffix("").as_posix(), path.name, path.stem}


def copy(name: str, target: Path) -> list[Path]:
    """Copy an example, or a folder of them, into the folder ``target``; the files that were written.

    Scenarios bring the schema that their first line names. Raises ConfigError when a file is there already.
    """
    found = named(name)
    files = {target / one.path.name: one.path.read_bytes() for one in found}
    written = write_new(files)
    schema = target / SCHEMA
    if any(one.name.startswith("scenarios/") for one in found) and not schema.exists():
        written += write_new({schema: (folder() / "scenarios" / SCHEMA).read_bytes()})
    return written


def write_new(files: dict[Path, bytes]) -> list[Path]:
    """Write all of these files, or none: raises ConfigError when one is there already."""
    there = [str(path) for path in files if path.exists() or path.is_symlink()]
    if there:
        raise ConfigError(f"{', '.join(there)}: already there, and not overwritten; name another folder")
    for path, content in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    return list(files)
