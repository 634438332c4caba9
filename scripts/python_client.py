"""Write the typed part of the Python client from the API's description; with --check only say whether it is right.

`types.py` has each schema as a TypedDict: what answers hold under the schema's name, what is sent as `New…` where that
differs. `resources.py` has a class for each resource with a method for each operation.
"""

from __future__ import annotations

import keyword
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
HERE = ROOT / "clients" / "python" / "src" / "parallax_client"
_PATH = re.compile(r"/api/v1/(?P<resource>[\w-]+)/(?P<rest>.*)")
_PLAIN = {"integer": "int", "number": "float", "boolean": "bool", "string": "str"}
_HEAD = '"""{about} Written by scripts/python_client.py from the API\'s description: do not edit."""\n\n'

_IMPORTS = """from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, cast

from parallax_client import types
from parallax_client.asking import Asking, Resource

"""
_ALL = '''
class Resources:
    """The resources of one installation."""

    def __init__(self, asking: Asking) -> None:
'''

Schema = Mapping[str, Any]


def description() -> Schema:
    """Return the API's description."""
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
    import django

    django.setup()
    from drf_spectacular.generators import SchemaGenerator

    found: Schema = SchemaGenerator(api_version="1").get_schema(request=None, public=True)
    return found


class Names:
    """What the schemas are called in Python, as answers and as what is sent."""

    def __init__(self, whole: Schema) -> None:
        self.schemas: Mapping[str, Schema] = whole["components"]["schemas"]
        operations = [one for path in whole["paths"].values() for one in path.values()]
        self.sent = self._reached(one["requestBody"] for one in operations if "requestBody" in one)
        self.told = self._reached(
            answer for one in operations for status, answer in one["responses"].items() if status < "300"
        )

    def _reached(self, begun: Any) -> set[str]:
        found: set[str] = set()
        waiting = [name for one in begun for name in _named(one)]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += _named(self.schemas[name])
        return found

    def of_sent(self, name: str) -> str:
        """What a schema is called where it is sent."""
        return f"New{name}" if name in self.told and "properties" in self.schemas[name] else name

    def type_of(self, schema: Schema, sent: bool = False) -> str:
        """Return a schema as a type."""
        found = self._type_of(schema, sent)
        return f"{found} | None" if schema.get("nullable") and "None" not in found else found

    def _type_of(self, schema: Schema, sent: bool) -> str:
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return self.of_sent(name) if sent else name
        if "enum" in schema:
            return f"Literal[{', '.join(repr(one) for one in schema['enum'])}]"
        for word in ("allOf", "oneOf", "anyOf"):
            if word in schema:
                return " | ".join(dict.fromkeys(self.type_of(one, sent) for one in schema[word]))
        kind = schema.get("type")
        if kind == "array":
            return f"Sequence[{self.type_of(schema['items'], sent)}]"
        if kind == "object":
            more = schema.get("additionalProperties")
            return f"Mapping[str, {self.type_of(more, sent) if isinstance(more, dict) else 'Any'}]"
        return _PLAIN.get(str(kind), "Any")


def _named(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        here = [schema["$ref"].rpartition("/")[2]] if "$ref" in schema else []
        return here + [name for one in schema.values() for name in _named(one)]
    return [name for one in schema for name in _named(one)] if isinstance(schema, list) else []


def _docstring(text: str, indent: str) -> str:
    said = " ".join(text.split()) or "Without a word of its own."
    lines = textwrap.wrap(said.replace("\\", "\\\\"), 110 - len(indent))
    if len(lines) == 1:
        return f'{indent}"""{lines[0]}"""\n'
    return f'{indent}"""' + f"\n{indent}".join(lines) + f'\n{indent}"""\n'


# --- types.py ----------------------------------------------------------------------------------------------------


def types(whole: Schema, names: Names) -> str:
    """Return the module of types."""
    out = [_HEAD.format(about="What the API answers and takes.")]
    out.append("from __future__ import annotations\n\nfrom collections.abc import Mapping, Sequence\n")
    out.append("from typing import Any, Literal, NotRequired, TypedDict\n\n")
    for name in sorted(names.sent | names.told):
        if name.startswith("Paginated"):
            continue
        schema = names.schemas[name]
        if "properties" not in schema:
            # Later names are known only later; an alias is read at once.
            out.append(f"{name} = {names.type_of(schema)}\n")
            continue
        if name in names.told:
            out.append(_typed(name, schema, names, sent=False))
        if name in names.sent:
            out.append(_typed(names.of_sent(name), schema, names, sent=True))
    return "\n".join(out)


def _typed(name: str, schema: Schema, names: Names, *, sent: bool) -> str:
    hidden = "readOnly" if sent else "writeOnly"
    lines = []
    for field, one in schema["properties"].items():
        if one.get(hidden):
            continue
        if not field.isidentifier() or keyword.iskeyword(field):
            raise SystemExit(f"{name}.{field} cannot be a name in Python")
        kind = names.type_of(one, sent)
        needed = not sent or field in schema.get("required", ())
        lines.append(f"    {field}: {kind if needed else f'NotRequired[{kind}]'}")
    said = schema.get("description", "") or f"{'What is sent as' if sent else 'What is answered as'} {name}."
    about = _docstring(said, "    ")
    return f"\nclass {name}(TypedDict):\n{about}\n" + "\n".join(lines or ["    pass"]) + "\n"


# --- resources.py ------------------------------------------------------------------------------------------------


def resources(whole: Schema, names: Names) -> str:
    """Return the module of resources."""
    by_resource: dict[str, list[tuple[str, str, Schema]]] = {}
    for path, operations in whole["paths"].items():
        match = _PATH.fullmatch(path)
        if match:
            for method, operation in operations.items():
                by_resource.setdefault(match["resource"], []).append((path, method, operation))
    out = [_HEAD.format(about="Every resource of the API."), _IMPORTS]
    for resource, operations in by_resource.items():
        out.append("".join(_resource(resource, operations, names)))
    out.append(_ALL)
    out += [f"        self.{_python(name)} = {_class(name)}(asking)\n" for name in by_resource]
    return "".join(out)


def _python(name: str) -> str:
    return name.replace("-", "_")


def _class(name: str) -> str:
    return "".join(word.title() for word in re.split(r"[-_]", name))


def _resource(name: str, operations: list[tuple[str, str, Schema]], names: Names) -> Iterator[str]:
    first = next((one for _, method, one in operations if method == "get"), operations[0][2])
    yield f"\nclass {_class(name)}(Resource):\n{_docstring(first.get('description', ''), '    ')}"
    yield f'\n    base = "/api/v1/{name}/"\n'
    taken: set[str] = set()
    for path, method, operation in operations:
        verb = _verb(path, method)
        if verb in taken:
            verb = f"look_at_{verb}" if method == "get" else f"do_{verb}"
        taken.add(verb)
        yield from _method(verb, path, method, operation, names)


def _verb(path: str, method: str) -> str:
    match = _PATH.fullmatch(path)
    assert match
    words = [word for word in match["rest"].split("/") if word and not word.startswith("{")]
    if words:
        whole = match["rest"].rstrip("/")
        return _python(words[-1])[:-1] if whole.endswith("}") and words[-1].endswith("s") else _python(words[-1])
    if "{" not in match["rest"]:
        return {"get": "each", "post": "create"}[method]
    if match["rest"].count("{") > 1:
        return "figure"
    return {"get": "get", "put": "replace", "patch": "change", "delete": "remove"}[method]


def _method(verb: str, path: str, method: str, operation: Schema, names: Names) -> Iterator[str]:
    given = operation.get("parameters", [])
    places = {one["name"]: _place(one, names) for one in given if one["in"] == "path"}
    asked = {one["name"]: _of(names.type_of(one["schema"])) for one in given if one["in"] == "query"}
    headers = {one["name"] for one in given if one["in"] == "header"}
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    answer = _answer(operation, names)
    paged = answer.startswith("Paginated")
    # The client asks for the pages itself.
    asked = {name: kind for name, kind in asked.items() if not (paged and name == "page")}
    arguments = [f"{name}: {kind}" for name, kind in places.items()]
    if content:
        arguments.append(f"body: {_of(names.type_of(content['schema'], sent=True))}")
    named = [f"{name}: {kind} | None = None" for name, kind in asked.items()]
    if "If-Match" in headers:
        named.append("if_match: str | None = None")
    if "Idempotency-Key" in headers:
        named.append("idempotency_key: str | None = None")
    more = ["*", *named] if named else []
    signature = ", ".join(["self", *arguments, *more])
    url = f'f"{path}"' if places else f'"{path}"'
    query = ", ".join(f'"{name}": {name}' for name in asked)
    about = _docstring(operation.get("description", ""), "        ")
    extra = f", query={{{query}}}" if query else ""
    extra += ", body=body" if content else ""
    extra += ", if_match=if_match" if "If-Match" in headers else ""
    extra += ", idempotency_key=idempotency_key" if "Idempotency-Key" in headers else ""
    if paged:
        row = f"types.{_row(answer, names)}"
        yield f"\n    def {verb}({signature}) -> Iterator[{row}]:\n{about}"
        yield f"        return cast(Iterator[{row}], self._pages({url}{extra}))\n"
    elif answer == "bytes":
        yield f"\n    def {verb}({signature}) -> bytes:\n{about}        return self._bytes({url}{extra})\n"
    elif answer == "None":
        yield f'\n    def {verb}({signature}) -> None:\n{about}        self._ask("{method.upper()}", {url}{extra})\n'
    else:
        yield f"\n    def {verb}({signature}) -> {_of(answer)}:\n{about}"
        yield f'        return cast({_of(answer)}, self._ask("{method.upper()}", {url}{extra}))\n'


def _place(parameter: Schema, names: Names) -> str:
    """Return the type of a place in an address; keys are numbers, though the description calls them text."""
    return "int" if parameter["name"] == "id" else _of(names.type_of(parameter["schema"]))


def _answer(operation: Schema, names: Names) -> str:
    told = next(one for status, one in sorted(operation["responses"].items()) if status < "300")
    content = told.get("content", {})
    if not content:
        return "None"
    return names.type_of(content["application/json"]["schema"]) if "application/json" in content else "bytes"


def _row(paginated: str, names: Names) -> str:
    return names.type_of(names.schemas[paginated]["properties"]["results"]["items"])


def _of(kind: str) -> str:
    """Put the names of schemas behind their module."""
    kinds = {"Sequence", "Mapping", "Literal", "Any", "None"}
    return re.sub(r"(?<!['\w.])([A-Z]\w+)(?!['\w])", lambda m: m[1] if m[1] in kinds else f"types.{m[1]}", kind)


def written() -> dict[Path, str]:
    """Return both modules by their place."""
    whole = description()
    names = Names(whole)
    made = {HERE / "types.py": types(whole, names), HERE / "resources.py": resources(whole, names)}
    return {path: _formatted(path, text) for path, text in made.items()}


def _formatted(path: Path, text: str) -> str:
    ruff = Path(sys.executable).with_name("ruff")
    for step in (["check", "--fix", "--exit-zero", "--quiet", "--select", "I,F401"], ["format", "--quiet"]):
        command = [str(ruff), *step, "--stdin-filename", str(path), "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return text


def main() -> int:
    """Write the modules, or say which of them is not what the description says."""
    stale = [path for path, text in written().items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not what the API's description says. Run scripts/python_client.py.")
        return 1 if stale else 0
    for path, text in written().items() if stale else ():
        path.write_text(text, "utf-8")
        print(f"{path.relative_to(ROOT)} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
