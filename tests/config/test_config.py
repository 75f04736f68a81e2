"""The configuration: the example is the manual, and every complaint helps."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pinnacle.config.loader import load_config, parse_config
from pinnacle.config.schema import ReplayConfig, Section, parse_speed
from pinnacle.errors import ConfigError, NoSuchFileError

EXAMPLE = Path(__file__).resolve().parents[2] / "configs" / "replay.yaml"


def _keys(schema: dict[str, Any], node: dict[str, Any], path: str = "") -> set[str]:
    """Dotted names of all keys that a JSON schema allows; list entries without index."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    found: set[str] = set()
    for name, child in node.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        found |= {here} | _keys(schema, child, here)
    for child in [node.get("items"), *node.get("allOf", []), *node.get("anyOf", [])]:
        if isinstance(child, dict):
            found |= _keys(schema, child, path)
    return found


def _given(node: object, path: str = "") -> set[str]:
    if isinstance(node, list):
        return set().union(*(_given(item, path) for item in node)) if node else set()
    if not isinstance(node, dict):
        return set()
    found: set[str] = set()
    for name, child in node.items():
        here = f"{path}.{name}" if path else str(name)
        found |= {here} | _given(child, here)
    return found


def test_example_is_valid_and_shows_every_key() -> None:
    load_config(EXAMPLE)
    schema = ReplayConfig.model_json_schema()
    assert _given(yaml.safe_load(EXAMPLE.read_text())) == _keys(schema, schema)


def test_example_shows_the_defaults() -> None:
    shown = load_config(EXAMPLE).model_dump()
    default = ReplayConfig().model_dump()
    shown["channels"] = default["channels"]
    assert shown == default


def test_example_names_every_bound() -> None:
    """A number's bounds stand in the comment of its line."""
    text = EXAMPLE.read_text()
    schema = ReplayConfig.model_json_schema()
    for name, field in schema["$defs"]["EngineConfig"]["properties"].items():
        if "maximum" in field:
            line = next(row for row in text.splitlines() if row.strip().startswith(f"{name}:"))
            assert f"{field['minimum']} to {field['maximum']}" in line


def test_every_key_has_help() -> None:
    models: list[type[Section]] = [ReplayConfig, *Section.__subclasses__()]
    for model in models:
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"


def test_empty_file_means_defaults(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("# nothing\n")
    assert load_config(path) == ReplayConfig()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("engine:\n  brust: 3\n", r"^f:2: engine\.brust: unknown key; did you mean burst\?"),
        ("engine:\n  burst: 300\n", r"^f:2: engine\.burst: 300 is out of bounds; .* 1 to 256"),
        ("engine:\n  burst: true\n", r"^f:2: engine\.burst: True: must be a valid integer"),
        ("engine: 3\n", r"^f:1: engine: expected keys and values: burst, "),
        ("feed: itch\n", r"^f:1: feed: 'itch' is not allowed; use one of 'auto', 'itch50'"),
        ("speed: fast\n", r"^f:1: speed: 'fast': use max, recorded, or a factor"),
        ("engine: {max_trades: 1025}\n", r"must be a power of two, such as 2048"),
        ("feed: auto\nfeed: auto\n", r"^f:2: feed: given twice, first in line 1"),
        ("a: [\n", r"^f:\d+: not valid YAML"),
        ("- 1\n", r"^f:1: expected keys and values"),
        ("a: &x 1\nb: *x\n", r"^f:1: YAML aliases are not allowed"),
        ("a: !!python/name:os.system x\n", r"not valid YAML: could not determine a constructor"),
        ("channels:\n- name: a\n", r"^f:2: channels\[0\]\.feed: must be given; f:2: .*lines"),
        ("channels:\n- {name: a, feed: itch50, lines: []}\n", r"has 0 entries; .* at least 1"),
        (
            "channels:\n- name: a\n  feed: itch50\n  lines:\n  - group: x\n",
            r"^f:5: channels\[0\]\.lines\[0\]\.group: 'x': must be an IPv4 address",
        ),
        (
            "channels:\n- &c {name: a, feed: itch50, lines: [{}]}\n"
            "- {name: a, feed: itch50, lines: [{}]}\n",
            r"the name a is used twice",
        ),
        ("channels:\n- {name: a b, feed: itch50, lines: [{}]}\n", r"^f:2: channels\[0\]\.name"),
    ],
)
def test_complaint_names_line_key_and_what_is_allowed(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "f")
    message = str(caught.value)
    assert re.search(says, message), message
    assert "\n" not in message


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFileError, match="no such configuration file"):
        load_config(tmp_path / "none.yaml")


def test_folder_instead_of_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("text", "factor"), [("max", 0.0), ("recorded", 1.0), ("10x", 10.0), ("0.5x", 0.5)]
)
def test_speed(text: str, factor: float) -> None:
    assert parse_speed(text) == factor


@pytest.mark.parametrize("text", ["", "x", "-1x", "0x", "nanx", "infx", "1e9x", "10"])
def test_speed_refused(text: str) -> None:
    with pytest.raises(ValueError, match="use max, recorded"):
        parse_speed(text)
