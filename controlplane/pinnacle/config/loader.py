"""Reads a YAML configuration and checks it against the schema.

Every complaint names the file, the line, the key and what is allowed there, all on one line.
YAML is read with the safe loader only; a key given twice is an error, not a surprise.
"""

import difflib
import os
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from pinnacle.config.live import LiveConfig
from pinnacle.config.schema import ReplayConfig, Section
from pinnacle.errors import ConfigError, NoPermissionError, NoSuchFileError

KeyPath = tuple[str | int, ...]

Config = TypeVar("Config", bound=Section)

_MAX_BYTES = 1 << 20
#: kinds of configuration file
KINDS: dict[str, type[ReplayConfig] | type[LiveConfig]] = {
    "replay": ReplayConfig,
    "live": LiveConfig,
}


def load_config(path: str | Path) -> ReplayConfig:
    """The checked configuration of a replay from a file.

    Raises ``NoSuchFileError``, ``NoPermissionError`` or ``ConfigError``.
    """
    return parse_config(_read(path), str(path))


def load_live(path: str | Path) -> LiveConfig:
    """The checked configuration of a live instance from a file; raises like ``load_config``."""
    text = _read(path)
    data, lines = _parse(text, str(path))
    return _placed(_validated(LiveConfig, data, lines, str(path)), Path(path))


def _placed(config: LiveConfig, path: Path) -> LiveConfig:
    """Captures and the log folder are found from the folder of the file that names them."""
    folder = os.path.abspath(path.parent)  # noqa: PTH100  # not through symbolic links

    def place(name: str) -> str:
        return os.path.normpath(os.path.join(folder, name))  # noqa: PTH118

    ports = [
        port.model_copy(update={"device": place(port.device)}) if port.kind == "pcap" else port
        for port in config.ports
    ]
    log = config.log.model_copy(update={"dir": config.log.dir and place(config.log.dir)})
    return config.model_copy(update={"ports": tuple(ports), "log": log})


def load_any(path: str | Path) -> ReplayConfig | LiveConfig:
    """The checked configuration of either kind; a file with ports is a live instance's."""
    text = _read(path)
    data, lines = _parse(text, str(path))
    only_live = set(LiveConfig.model_fields) - set(ReplayConfig.model_fields)
    if only_live & {str(name) for name in data}:
        return _placed(_validated(LiveConfig, data, lines, str(path)), Path(path))
    return _validated(ReplayConfig, data, lines, str(path))


def _read(path: str | Path) -> bytes:
    try:
        text = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise NoSuchFileError(f"{path}: no such configuration file; check --config") from error
    except PermissionError as error:
        raise NoPermissionError(f"{path}: may not be read; check its permissions") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; give a YAML file") from error
    if len(text) > _MAX_BYTES:
        raise ConfigError(f"{path}: larger than 1 MiB, so not a configuration")
    return text


def parse_config(text: str | bytes, name: str) -> ReplayConfig:
    """The checked configuration of a YAML text; ``name`` stands for it in messages."""
    data, lines = _parse(text, name)
    return _validated(ReplayConfig, data, lines, name)


def _parse(text: str | bytes, name: str) -> tuple[dict[Any, Any], dict[KeyPath, int]]:
    """The mapping of a YAML text, and the line of every key."""
    lines: dict[KeyPath, int] = {}
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is not None:
                _walk(node, (), lines, name, set())
            data = {} if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        raise ConfigError(f"{where}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{name}: not valid YAML: {_one_line(error)}") from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigError(f"{name}:1: expected keys and values; see the examples in configs/")
    return data, lines


def _validated(
    model: type[Config], data: dict[Any, Any], lines: dict[KeyPath, int], name: str
) -> Config:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_explain(error, lines, name, model)) from error


def _walk(
    node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int], name: str, seen: set[int]
) -> None:
    """Notes the line of every key, and refuses keys given twice and aliases."""
    if id(node) in seen:
        raise ConfigError(f"{name}:{node.start_mark.line + 1}: YAML aliases are not allowed")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            here = (*path, key)
            if here in lines:
                raise ConfigError(
                    f"{name}:{line}: {_dotted(here)}: given twice, first in line {lines[here]}"
                )
            lines[here] = line
            _walk(value_node, here, lines, name, seen)
    elif isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            lines[(*path, i)] = item.start_mark.line + 1
            _walk(item, (*path, i), lines, name, seen)


def _dotted(path: KeyPath) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _one_line(error: object) -> str:
    return " ".join(str(error).split())


def _explain(
    error: ValidationError, lines: dict[KeyPath, int], name: str, model: type[BaseModel]
) -> str:
    complaints = []
    found = error.errors(include_url=False)
    for item in found:
        path: KeyPath = tuple(item["loc"])
        if item["type"] == "too_short" and any(len(other["loc"]) > len(path) for other in found):
            continue  # the entries are there, they were complained about one by one
        line = next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), 0)
        where = f"{name}:{line}" if line else name
        label = f"{_dotted(path)}: " if path else ""
        complaints.append(f"{where}: {label}{_complaint(dict(item), path, model)}")
    return "; ".join(complaints)


def _complaint(item: dict[str, Any], path: KeyPath, model: type[BaseModel]) -> str:
    kind, given, context = item["type"], item.get("input"), item.get("ctx", {})
    if kind == "extra_forbidden":
        allowed = sorted(_section_at(model, path[:-1]).model_fields)
        near = difflib.get_close_matches(str(path[-1]), allowed, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        return f"unknown key; {hint}allowed here: {', '.join(allowed)}"
    if kind == "missing":
        return "must be given"
    if kind == "literal_error":
        return f"{given!r} is not allowed; use one of {context['expected']}"
    if kind in ("greater_than_equal", "less_than_equal"):
        section = _section_at(model, path[:-1])
        return f"{given!r} is out of bounds; allowed is {_bounds(section, str(path[-1]))}"
    if kind in ("too_short", "too_long"):
        return f"has {context['actual_length']} entries; allowed: " + (
            f"at least {context['min_length']}"
            if kind == "too_short"
            else f"at most {context['max_length']}"
        )
    if kind == "model_type":
        return (
            f"expected keys and values: {', '.join(sorted(_section_at(model, path).model_fields))}"
        )
    if kind == "value_error":
        return f"{_shown(given)}{_one_line(context['error'])}"
    message = item["msg"].replace("Input should be", "must be").replace("Tuple", "list")
    return f"{_shown(given)}{_one_line(message)}"


def _shown(given: object) -> str:
    return f"{given!r}: " if isinstance(given, (str, int, float, bool)) else ""


def _bounds(section: type[BaseModel], key: str) -> str:
    field = section.model_fields[key]
    low = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
    high = next((m.le for m in field.metadata if hasattr(m, "le")), None)
    extra = field.json_schema_extra
    unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
    return f"{low} to {high} {unit}".rstrip()


def _section_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel]:
    """The model that describes the mapping at a path below ``model``."""
    for part in path:
        if isinstance(part, str):
            found = _model_in(model.model_fields[part].annotation)
            if found is not None:
                model = found
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    return next(filter(None, map(_model_in, typing.get_args(annotation))), None)
