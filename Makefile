# Wellkeeper: every task of the project. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X wellkeeper.internal/appliance/command.version=$(VERSION)
LINT    := go tool -modfile=scripts/tools/go.mod golangci-lint
# The race detector runs where goroutines meet.
RACE    := ./appliance ./appliance/health ./modbus ./storage ./sync/uplink ./sync/central ./web

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

.PHONY: build
build: ## build ./wellkeeper, static
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o wellkeeper .

.PHONY: demo
demo: ## run the demo: a simulated well on http://127.0.0.1:8080
	go run . demo

.PHONY: deps
deps: ## install what the tests need (Debian packages; asks for root)
	WELLKEEPER_INSTALL=1 scripts/deps.sh

.PHONY: test
test: ## all tests, with the peers that this machine has (CI=true: with all of them)
	scripts/deps.sh
	go vet ./...
	go test -timeout 9m ./...
	$(MAKE) --no-print-directory field
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o wellkeeper .
	WELLKEEPER_BINARY=$(CURDIR)/wellkeeper go -C web/uitest test -count=1 -timeout 4m ./...

.PHONY: field
field: ## what is found on recorded wells, and of leaks injected into them (docs/validation.md)
	go test -count=1 -v -run 'Leaks|GaugeFaults' ./appliance/diagnosis | sed -n \
	  -e '/^goal/p' -e 's/^ *injection_test.go:[0-9]*: \(synthetic\)/\1/p' -e 's/^ *[a-z_]*test.go:[0-9]*: \(.*not on this machine\)/skipped: \1/p' -e '/^--- FAIL/p'

.PHONY: race
race: ## the tests of everything concurrent, under the race detector
	go test -race -short -timeout 9m $(RACE)

.PHONY: lint
lint: ## formatting, vet, linters, import DAG
	scripts/lint.sh

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (default 15s)
	scripts/fuzz.sh $${FUZZTIME:-15s}

.PHONY: bench
bench: bench-store bench-modbus bench-sync bench-engine bench-web bench-appliance ## every benchmark; figures as `goal` lines

bench-store: ## size and speed of the store
	go test -run '^$$' -bench . -benchmem ./storage/...
bench-modbus: ## link, planner, decoding, simulator
	go test -run '^$$' -bench . -benchmem ./modbus/... ./appliance/pump
	WELLKEEPER_GOALS=1 go test -count=1 -v -run "Matrix|DeadUnitCost|Jitter|Libmodbus|Allocations|ProcessorTime|Telegraf" ./modbus | grep "^goal"
bench-sync: ## wire size, ingest
	go test -run '^$$' -bench . -benchmem ./sync/...
	go test -count=1 -v -run Cut ./sync/uplink | grep "^goal"
bench-engine: ## diagnosis and alarms
	go test -run '^$$' -bench . -benchmem ./appliance/diagnosis ./appliance/alarm
	$(MAKE) --no-print-directory field
bench-web: ## pages, API, probes and metrics
	go test -run '^$$' -bench . -benchmem ./web ./appliance/health
	go test -count=1 -v -run Budget ./web | grep "^goal"
bench-appliance: build ## the whole box: pipeline, start, memory, processor (3 minutes)
	go test -run '^$$' -bench . -benchmem ./appliance
	WELLKEEPER_BINARY=$(CURDIR)/wellkeeper go test -run '^$$' -bench Footprint ./appliance/command
.PHONY: bench-store bench-modbus bench-sync bench-engine bench-web bench-appliance

.PHONY: soak
soak: ## the long campaigns: kills, cuts, power failures
	WELLKEEPER_SOAK=1 go test -count=1 -timeout 3h ./storage/... ./sync/... ./modbus/... ./appliance/...

.PHONY: dist
dist: ## release archives in dist/: amd64, arm64, armv7; TARGETS=amd64 for one
	scripts/dist.sh $(TARGETS)

.PHONY: dist-check
dist-check: ## the same, each built twice from a cold cache: the bytes must be equal
	scripts/dist.sh --check $(TARGETS)

.PHONY: clean
clean: ## remove what the build made
	rm -rf wellkeeper dist screenshots

.PHONY: screenshots
screenshots: build ## pictures of the page into screenshots/, the README's from the running demo
	mkdir -p screenshots
	UI_SHOTS=$(CURDIR)/screenshots WELLKEEPER_BINARY=$(CURDIR)/wellkeeper go -C web/uitest test -count=1 -run 'Shots|Pictures' .
