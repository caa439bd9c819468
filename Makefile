# Everything happens in .venv and in this folder; nothing else on the machine is changed.
BIN := .venv/bin
STAMP := .venv/.installed
ARGS :=

# A name on PATH proves little: version managers leave stubs that fail when called (pyenv's obey .python-version
# unless PYENV_VERSION names another), and some systems ship Python without venv. So each candidate has to run, and
# answers with its own path. The version of .python-version comes first.
PROBE := import ensurepip, sys, venv; (3, 12) <= sys.version_info[:2] < (3, 15) and print(sys.executable)
SEARCH = for version in 3.13 3.12 3.14 3 ''; do IFS=:; for folder in $$PATH; do \
	python=`PYENV_VERSION=$$version "$$folder/python$$version" -c "$(PROBE)" 2>/dev/null </dev/null` && \
	test -n "$$python" && break 2; done; done; unset IFS
GIVEN = python=`"$(PYTHON)" -c "$(PROBE)" 2>/dev/null </dev/null` || python=

.PHONY: help demo test test-slow bench sbc posteriors lint format typecheck docs constraints clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(STAMP)  ## forecasts and two plans for Mexico, into out/mexico
	@$(BIN)/poblar demo $(ARGS)

test: $(STAMP)  ## the tests, without the slow ones (ARGS="-k panel" chooses)
	@$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile $(ARGS)

test-slow: $(STAMP)  ## the tests that take minutes
	@$(BIN)/python -m pytest -m slow $(ARGS)

bench: $(STAMP)  ## the benchmarks, a line of JSON for each figure; all are run, and it fails if a bar is missed
	@missed=0; for what in projection quota "fits fertility" "fits mortality" \
		"fits fertility --form double-logistic" "fits mortality --form double-logistic" \
		"united_nations fertility" "united_nations fertility --form double-logistic" \
		"united_nations mortality" "united_nations mortality --form double-logistic" \
		"skill fertility --origin 1995" "skill fertility --origin 2005" "skill fertility --origin 2013" \
		"skill mortality --origin 1995" "skill mortality --origin 2005" "skill mortality --origin 2013" \
		"fits migration" "skill migration --origin 1995" "skill migration --origin 2005" \
		"skill migration --origin 2013" "skill flows" "skill bilateral" "fits backlog" "skill backlog" \
		staffing placement page; do \
		$(BIN)/python -m benchmarks.$$what || missed=1; done; exit $$missed

sbc: $(STAMP)  ## simulation-based calibration of the models; histograms of the ranks go into docs/pictures
	@missed=0; for what in tfr e0 gap migration; do \
		$(BIN)/python -m benchmarks.sbc $$what --write docs/pictures || missed=1; done; exit $$missed

posteriors: $(STAMP)  ## fit all countries anew and bundle what they share (needs: poblar data fetch wpp2024)
	@$(BIN)/python -m benchmarks.fits fertility --write data/posteriors
	@$(BIN)/python -m benchmarks.fits mortality --write data/posteriors

lint: $(STAMP)  ## style of the code
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

format: $(STAMP)  ## bring the code into style
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

typecheck: $(STAMP)  ## types
	@$(BIN)/basedpyright --pythonpath $(BIN)/python

docs: $(STAMP)  ## the documentation, into docs/_build/html
	@$(BIN)/sphinx-build -q -W --keep-going -j 2 -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

.venv: $(STAMP)  ## install, and nothing more (PYTHON=/path/to/python3.13 names the interpreter)
	@touch $@

# The stamp is written last: a .venv whose installation was interrupted is made again from nothing.
$(STAMP): pyproject.toml constraints.txt
	@test -f $@ || { $(if $(PYTHON),$(GIVEN),$(SEARCH)); if test -z "$$python"; then \
		echo "$(if $(PYTHON),$(PYTHON) is not a,There is no) Python 3.12, 3.13 or 3.14 that runs here with venv and ensurepip."; \
		echo "Install Python 3.13 (python.org, or your system's python3.13 and python3.13-venv) and try again; if it is"; \
		echo "not on PATH, name it: make PYTHON=/path/to/python3.13 demo"; exit 1; fi; \
		echo "Making .venv with $$python"; "$$python" -m venv --clear .venv; }
	@echo "Installing poblar and its dependencies into .venv (once; a minute or two)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,docs]'
	@touch $@

constraints: $(STAMP)  ## move every pinned version to the newest
	@$(BIN)/python -m pip install --quiet --upgrade --upgrade-strategy eager -e '.[dev,docs]'
	@$(BIN)/python -m pip freeze --exclude-editable > constraints.txt
	@touch $(STAMP)

clean:  ## remove .venv and what was built; out/ stays
	@rm -rf .venv .pytest_cache .ruff_cache .hypothesis build dist *.egg-info docs/_build docs/api
