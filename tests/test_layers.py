"""The floors of the house: an import never goes up, and files and functions stay small."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "mdgen"
FLOORS = (("errors", "files", "distributed", "config", "commandline", "schedulers", "losses", "models", "radar"),
          ("data", "diffusion"), ("runs",), ("training",), ("validation",), ("commands",), ("__main__",))
FACE = [["__version__"], ["lazy_names"]]   # what mdgen/__init__.py defines itself; it imports nothing
WITHIN = {"validation": (("metrics", "image_measures"), ("judges",),
                         ("cache", "comparisons", "image_facts", "image_sets", "reconstruction"), ("report",),
                         ("honest_usefulness",),
                         ("evaluate_samples", "evaluate_vae"), ("sweep", "evaluate_folders", "reference_set"),
                         ("checks",)),
          "training": (("",), ("stages",))}


def floor_of(part, floors):
    return next((height for height, parts in enumerate(floors) if part in parts), None)


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("mdgen."))
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise AssertionError(f"{path} has a relative import, which is not read here")
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "mdgen":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_import_goes_up():
    rising = []
    for path in PACKAGE.rglob("*.py"):
        here = [*path.relative_to(PACKAGE).with_suffix("").parts]
        for name in imports(path) if here != ["__init__"] else ():
            there = name.split(".")[1:]
            own, other = floor_of(here[0], FLOORS), floor_of(there[0], FLOORS)
            assert own is not None and other is not None or there in FACE, f"{path} or {name} has no floor"
            if here[0] == there[0] in WITHIN and here[-1] != "__init__":
                floors = WITHIN[here[0]]
                own, other = floor_of(here[1], floors), floor_of(there[1], floors)
                assert here[0] == "training" or None not in (own, other), f"{path} or {name} has no floor in {here[0]}"
                own, other = (height or 0 for height in (own, other))
            if there not in FACE and other > own:
                rising.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not rising, rising


def test_floors_name_every_part_of_the_package():
    found = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert found - {"__init__"} == {part for floor in FLOORS for part in floor}


def test_files_and_functions_stay_small():
    files = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    long = [str(path) for path, text in files.items() if len(text.splitlines()) > 280]
    long += [f"{path}: {node.name}" for path, text in files.items() for node in ast.walk(ast.parse(text))
             if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno + 1 > 45]
    assert not long, long
    assert len(list((PACKAGE / "validation").glob("*.py"))) <= 14
