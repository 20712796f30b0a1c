# Every path here is relative, so the folder may lie anywhere; every program is started as `.venv/bin/python -m ...`,
# because the first line of an installed script has a length limit that a long path exceeds.

PYTHON_IN_VENV := .venv/bin/python
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE VIRTUAL_ENV PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV
INSTALL := $(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore

.PHONY: help run test check format soak bench lock
.DELETE_ON_ERROR:

help:
	@echo 'make run     a desk on http://127.0.0.1:$${CASELOG_PORT:-8000}, its data in $${CASELOG_DATA:-./.caselog}; Ctrl-C stops it'
	@echo 'make test    linters, types, layers and every test, against a PostgreSQL of its own'
	@echo 'make check   the same without the tests        make format  tidy the source'
	@echo 'make soak    what takes long: tests, a log of 10 million events (25 GB)      make bench   figures, into docs/benchmarks.md'
	@echo 'make lock    renew the lock files from pyproject.toml'

run: .venv/installed
	@exec $(PYTHON_IN_VENV) -m api.cli up

test: check
	$(PYTHON_IN_VENV) -m pytest -n 3 --dist loadfile --no-loadscope-reorder

check: .venv/installed-dev
	$(PYTHON_IN_VENV) -m ruff check .
	$(PYTHON_IN_VENV) -m ruff format --check .
	$(PYTHON_IN_VENV) -m mypy
	$(PYTHON_IN_VENV) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

format: .venv/installed-dev
	$(PYTHON_IN_VENV) -m ruff check --fix-only .
	$(PYTHON_IN_VENV) -m ruff format .

soak: .venv/installed-dev
	$(PYTHON_IN_VENV) -m pytest -m soak
	$(PYTHON_IN_VENV) -m benchmarks growth --large 10000000

bench: .venv/installed-dev
	$(PYTHON_IN_VENV) -m benchmarks all --write docs/benchmarks.md

# The stamps are newer than the lock once all of it is installed; then pip is not even started, so no network is needed.
# The build backend is in the lock as well: the editable install asks for nothing.
.venv/installed: requirements.lock pyproject.toml
	@if ! $(PYTHON_IN_VENV) -m pip --version >/dev/null 2>&1; then \
	  found=; for each in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
	    "$$each" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	      && { found=$$each; break; }; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo 'Caselog needs Python 3.11 or later with its modules venv and ensurepip, and found on the PATH:' >&2; \
	    for each in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
	      "$$each" -c 'import sys; lacks = [m for m in ("venv", "ensurepip") if not __import__("importlib.util").util.find_spec(m)]; \
print("  %s: version %d.%d%s" % (sys.argv[1], *sys.version_info[:2], ", without " + " and ".join(lacks) if lacks else ""))' \
	        "$$each" >&2 2>/dev/null || echo "  $$each: none that starts" >&2; \
	    done; \
	    echo 'Debian and Ubuntu have both in the package python3-venv. Another Python: make PYTHON=/path/to/python3 ...' >&2; \
	    exit 1; \
	  fi; \
	  "$$found" -m venv --clear .venv || exit 1; \
	fi
	@echo 'Installing the locked packages into .venv (once) ...'
	@$(INSTALL) --require-hashes --no-deps -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	@echo 'Installing the locked development packages into .venv (once) ...'
	@$(INSTALL) --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

# Exact versions for every platform, each with the hashes of its files, and no word on where they come from.
LOCK := $(PYTHON_IN_VENV) -m uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url --no-emit-find-links --group build
lock: .venv/installed-dev
	$(INSTALL) uv==0.13.9
	$(LOCK) --upgrade -o requirements.lock
	$(LOCK) --upgrade --all-extras --group dev -c requirements.lock -o requirements-dev.lock
