"""YAML text to plain values: safely, within bounds, and with errors that repeat nothing of the text.

Aliases share what they stand for, so that a few lines may unfold to gigabytes when they are copied, merged or printed:
what counts is the size with every alias written out.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml

MAX_CHARACTERS = 500_000
MAX_VALUES = 10_000
"""Keys, values, lists and mappings: nearly twice what 127 archetypes, each defined in full, take."""
MAX_DEPTH = 50


class YamlTextError(ValueError):
    """The text cannot be used; the message follows on the name of what holds it: ``is not valid YAML: ...``."""


class _Extent(NamedTuple):
    """Size of a node with all that is below it."""

    values: int
    characters: int
    depth: int


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice and whatever is too large; dates are left to the configuration's check.

    Attributes
    ----------
    values, characters
        Number of values so far, and of their characters, with aliases written out.
    extents
        Size of each node that is complete.
    deepest
        Depth of the deepest value below the nodes that are not complete yet.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.values = self.characters = self.depth = self.deepest = 0
        self.extents: dict[yaml.Node, _Extent] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node, and stop as soon as there is too much of them."""
        values, characters, deepest = self.values, self.characters, self.deepest
        aliased = self.check_event(yaml.AliasEvent)
        self.depth += 1
        self.deepest = self.depth
        self._check_bounds()
        node = super().compose_node(parent, index)
        assert node is not None
        if not aliased:
            self.values += 1
            self.characters += len(node.value) if isinstance(node, yaml.ScalarNode) else 0
            height = self.deepest - self.depth
            self.extents[node] = _Extent(self.values - values, self.characters - characters, height)
        elif node in self.extents:
            extent = self.extents[node]
            self.values += extent.values
            self.characters += extent.characters
            self.deepest = self.depth + extent.depth
        else:
            raise YamlTextError("holds an alias of what it stands in: it would have no end")
        self._check_bounds()
        self.deepest = max(deepest, self.deepest)
        self.depth -= 1
        return node

    def _check_bounds(self) -> None:
        if self.deepest > MAX_DEPTH:
            raise YamlTextError(f"is nested more than {MAX_DEPTH} deep")
        if self.values > MAX_VALUES:
            raise YamlTextError(f"holds more than {MAX_VALUES:,} values, with its aliases written out")
        if self.characters > MAX_CHARACTERS:
            raise YamlTextError(f"holds more than {MAX_CHARACTERS:,} characters, with its aliases written out")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            try:
                if key in seen:
                    raise YamlTextError(f"is not valid YAML: key {key!r} is given twice{_place(key_node.start_mark)}")
                seen.add(key)
            except TypeError:  # unhashable: what follows refuses it
                continue
        return super().construct_mapping(node, deep)


def load(text: str) -> Any:
    """Return what the one YAML document in `text` holds.

    Raises
    ------
    YamlTextError
        If it holds none, or too much.
    """
    if len(text) > MAX_CHARACTERS:
        raise YamlTextError(f"is longer than {MAX_CHARACTERS:,} characters")
    try:
        return yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)
    except YamlTextError:
        raise
    except yaml.MarkedYAMLError as error:
        said = ": ".join(filter(None, (error.context, error.problem)))
        raise YamlTextError(f"is not valid YAML: {_nothing_of_the_text(said)}{_place(error.problem_mark)}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise YamlTextError(f"is not valid YAML: {_nothing_of_the_text(' '.join(str(error).split()))}") from None
    except (KeyError, AttributeError):  # what PyYAML makes of `!!bool abc` and `!!timestamp x`
        raise YamlTextError("is not valid YAML: a value does not fit its tag") from None


def _place(mark: yaml.Mark | None) -> str:
    return f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""


def _nothing_of_the_text(message: str) -> str:
    """Leave out the words of the text that PyYAML quotes: it may be a secret that begins with ``*`` or ``!``."""
    quoted = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
    return re.sub(quoted, lambda found: found[0] if len(found[0]) <= 5 or found[0][1] == "<" else "'...'", message)
