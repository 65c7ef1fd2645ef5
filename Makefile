# Two commands for a newcomer: `make demo` and `make test`. Both set everything up first.
# `make bench` measures ours beside its peers: the groups worker, reporting, monitor, watching, recording, fleet and incidents, or one.
# JOBS, ROUNDS and ONLY may be set, for example `make bench-monitor JOBS=5000000 ONLY=page,refresh`.
PYTHON_IN = .venv/bin/python
SOURCES = core gui tests packaging
PYTHON ?= python3
# Each process has a server of its own. Two for a core, for half of the time a test waits. Unlike loadfile, worksteal lets
# all end together, and does not run a test again that has taken its process with it (tests/hanging.py).
SIDE_BY_SIDE = -n 4 --dist worksteal
STORM = PYTHONPATH=tests:tests/storm $(PYTHON_IN) tests/storm/storm.py

.PHONY: demo tour pictures translations test check bench bench-worker bench-reporting bench-monitor bench-watching bench-recording bench-incidents bench-fleet storm sql format setup clean \
	package package-test release icons

setup:
	@sh packaging/setup.sh

# Dialogs fit the screen, and the one that Qt draws on without a display is smaller than any that is sold.
SCREEN = offscreen:configfile=packaging/screen.json

# With a display the window; without one the tour, which walks through the same window offscreen.
demo: setup
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ]; then \
		exec $(PYTHON_IN) -m jobdesk --demo; \
	else \
		echo "There is no display here: the tour walks through the window offscreen."; \
		QT_QPA_PLATFORM=$(SCREEN) exec $(PYTHON_IN) packaging/tour build/tour --demo; \
	fi

tour: setup
	@QT_QPA_PLATFORM=$(SCREEN) $(PYTHON_IN) packaging/tour build/tour --demo

# The README's and the help's pictures are the tour's.
PICTURES = $(foreach name,overview jobs jobs-filtered failures queues-side tasks-side workers-side locks schedules journal health \
	fleet alerts alerts-rules defer retry connection-tested,$(name)-light) overview-dark jobs-dark failures-dark queues-side-dark tasks-side-dark workers-side-dark \
	locks-dark schedules-dark journal-dark health-dark fleet-dark alerts-dark
pictures: tour
	@mkdir -p resources/pictures
	@$(PYTHON_IN) packaging/pictures.py build/tour resources/pictures $(PICTURES)

# The template of translations, and each translation of it (resources/translations/jobdesk_de.ts) compiled.
translations: setup
	@$(PYTHON_IN) packaging/translations.py

# Each in a process of its own: Qt and the many servers and workers of the others have nothing to do with each other.
test: setup
	$(PYTHON_IN) -m pytest $(SIDE_BY_SIDE) tests/core tests/interop
	$(PYTHON_IN) -m pytest $(SIDE_BY_SIDE) tests/gui

check: setup
	.venv/bin/ruff format --check $(SOURCES)
	.venv/bin/ruff check $(SOURCES)
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PYTHON_IN) -m pytest $(SIDE_BY_SIDE) tests/core tests/interop
	$(PYTHON_IN) -m pytest $(SIDE_BY_SIDE) tests/gui
	@$(STORM) --short

bench: setup
	@$(PYTHON_IN) tests/bench/bench.py

bench-worker bench-reporting bench-monitor bench-watching bench-recording bench-incidents bench-fleet: setup
	@$(PYTHON_IN) tests/bench/bench.py $(@:bench-%=%)

# `make check` has its short form. Eight desks, workers of both engines, and everything that can break; then counts, rows, journals and tables are compared.
# MINUTES and SEED may be set.
MINUTES ?= 10
storm: setup
	@$(STORM) --seconds $$(($(MINUTES) * 60)) $(if $(SEED),--seed $(SEED))

# Every statement with its place; RELEASE may be set, such as 1.1.2.
sql: setup
	@RELEASE=$(RELEASE) $(PYTHON_IN) tests/sql_listing.py

format: setup
	.venv/bin/ruff format $(SOURCES)
	.venv/bin/ruff check --fix $(SOURCES)

# What is installed on other machines: see packaging/README.md. The second needs root, for it installs Debians.
package:
	@$(PYTHON) packaging/package.py package

package-test:
	@$(PYTHON) packaging/package.py test

# Checks everything and says what it would publish. Publishes nothing.
release:
	@$(PYTHON) packaging/package.py release

icons:
	@$(PYTHON) packaging/package.py icons

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
