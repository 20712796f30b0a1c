import importlib.util
from pathlib import Path

from tests.e2e.imported_desk import SAMPLE


def test_the_sample_is_what_its_generator_makes(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("generate", SAMPLE.with_name("generate.py"))
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    made = tmp_path / SAMPLE.name
    vars(generate)["SAMPLE"] = made
    generate.main()
    assert made.read_bytes() == SAMPLE.read_bytes()
