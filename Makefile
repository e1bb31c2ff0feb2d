# Every command here makes what it needs; nothing is installed outside .venv.
PYTHON ?= python3
BIN := .venv/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export OMP_WAIT_POLICY := PASSIVE

.PHONY: demo test check bench docs clean

demo: .venv/installed  ## Draw a black-and-white episode, color it, and put both beside the truth.
	$(BIN)/cartoon-color toyshow --out demo --episodes 1
	$(BIN)/cartoon-color render demo/episode_01.bw.mkv -o demo/episode_01.colored.mkv --overwrite
	$(BIN)/cartoon-color compare demo/episode_01.bw.mkv demo/episode_01.colored.mkv demo/episode_01.color.mkv --out demo/side_by_side.png
	@echo "The colored film:               demo/episode_01.colored.mkv"
	@echo "Input, colored, truth together: demo/side_by_side.png"

test: .venv/installed-dev  ## Pass the tests.
	$(BIN)/pytest

check: .venv/installed-dev  ## Style, types, floors, documents.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/typer cartoon_color.cli utils docs --name cartoon-color | diff docs/cli.md - || (echo 'docs/cli.md is not current; run make docs' && false)

bench: .venv/installed-dev  ## Measure speed and memory; takes some minutes, on a machine that does nothing else.
	$(BIN)/python -m benchmarks

docs: .venv/installed-dev  ## Write docs/cli.md anew.
	$(BIN)/typer cartoon_color.cli utils docs --name cartoon-color > docs/cli.md

clean:
	rm -rf .venv demo

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -e .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $@
