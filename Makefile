# `make` lists the targets. `make check test` is what CI runs.

SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # cheap checks come first, and the tests use all cores by themselves

GO      ?= go
MODULE  := github.com/profullstack/meshhook
BIN     := bin/meshhook
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
WORK    := .cache
PROFILE := $(WORK)/cover.out

# The least share of statements that tests must reach, in per cent. Only
# generated files and the dozen lines of main do not count.
COVERAGE := 90

# Tools are built once, outside the clone, so that a fresh clone finds them.
TOOLS            := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/meshhook-tools
GOLANGCI_VERSION := v2.15.0
GOLANGCI         := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint
NFPM_VERSION     := v2.44.0
NFPM             := $(TOOLS)/nfpm-$(NFPM_VERSION)/nfpm
# The newest version that Go 1.26 builds from what the module proxy serves.
GORELEASER_VERSION := v2.16.0
GORELEASER         := $(TOOLS)/goreleaser-$(GORELEASER_VERSION)/goreleaser

# What packages are called: the tag (v1.2.3 → 1.2.3), and after it how far on this is
# (1.2.3+4.gabc). Without a tag it is a version before all others (0.0.0-dev+gabc).
PACKAGE_VERSION ?= $(or $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null | sed -E 's/^v//; s/-([0-9]+)-(g[0-9a-f]+)$$/+\1.\2/'),0.0.0-dev+g$(or $(shell git rev-parse --short HEAD 2>/dev/null),none))
PACKAGE_ARCHS   ?= amd64 arm64
DIST            ?= dist

# The time of the sources, for what would else hold the time of the build.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

##@ Daily

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: deps build ## build ./bin/meshhook and start the daemon
	exec ./$(BIN) daemon

.PHONY: build
build: ## build ./bin/meshhook
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-X $(MODULE)/internal/cli.version=$(VERSION)" -o $(BIN) ./cmd/meshhook

.PHONY: test
test: $(PROFILE) ## run all tests, with the race detector and a real Postgres

.PHONY: check
check: check-format check-tidy vet lint check-completions check-release check-coverage ## format, tidy, vet, lint, completions, release, coverage: all that CI asks

.PHONY: lint
lint: $(GOLANGCI) ## run golangci-lint
	$(GOLANGCI) run ./...

.PHONY: fmt
fmt: $(GOLANGCI) ## format the code and tidy go.mod
	$(GOLANGCI) fmt ./...
	$(GO) mod tidy

.PHONY: bench
bench: deps ## measure ingress, runs and latencies over real connections; BENCH='-stored 1000000' and the like
	$(GO) run ./internal/bench $(BENCH)

.PHONY: picture
picture: deps tmux ## play the session that the README shows, and draw it anew
	@mkdir -p docs/images
	$(GO) test ./cmd/meshhook -run '^TestPicture$$' -count 1 -picture "$(CURDIR)/docs/images"

.PHONY: completions
completions: build ## generate the shell completions
	$(call generate_completions,completions)

.PHONY: packages
packages: $(NFPM) ## build ./dist/*.deb and *.rpm, for amd64 and arm64
	@mkdir -p $(DIST)
	@$(foreach arch,$(PACKAGE_ARCHS),$(call package,$(arch),$(DIST)/build-$(arch)) &&) true

.PHONY: snapshot
snapshot: $(GORELEASER) ## build all that a release holds into ./dist/release, without one
	$(GORELEASER) release --snapshot --clean --skip=publish

.PHONY: cover
cover: ## show the coverage of the last test run, package by package
	@test -f $(PROFILE) || $(MAKE) test
	@$(call coverage,0)
	@echo "line by line: $(GO) tool cover -html=$(PROFILE)"

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist $(WORK)

##@ What the above are made of

# The profile is made by each run of make that asks for it, and once in it: so
# `make check test` runs the tests a single time, and `make test` always.
$(PROFILE): deps cc tmux pooler package-deps $(NFPM) always
	@mkdir -p $(@D)
	$(GO) test -race -shuffle=on -timeout 30m -covermode=atomic -coverpkg=./... -coverprofile=$@ ./...

.PHONY: always
always:

.PHONY: check-format
check-format: $(GOLANGCI)
	$(GOLANGCI) fmt --diff ./...

.PHONY: check-tidy
check-tidy:
	$(GO) mod tidy -diff

.PHONY: vet
vet:
	$(GO) vet ./...

.PHONY: check-completions
check-completions: build
	@rm -rf $(WORK)/completions
	@$(call generate_completions,$(WORK)/completions)
	@diff -ru completions $(WORK)/completions || { echo "the completions are stale: run 'make completions'" >&2; exit 1; }

.PHONY: check-release
check-release: $(GORELEASER)
	$(GORELEASER) check --quiet

.PHONY: check-coverage
check-coverage: $(PROFILE)
	@$(call coverage,$(COVERAGE))

# $(1) is the directory that receives the files.
define generate_completions
mkdir -p $(1)
./$(BIN) completion bash > $(1)/meshhook.bash
./$(BIN) completion zsh > $(1)/_meshhook
./$(BIN) completion fish > $(1)/meshhook.fish
./$(BIN) completion powershell > $(1)/meshhook.ps1
endef

# $(1) is the architecture, $(2) the directory for what is built and generated.
define package
mkdir -p $(2) && \
CGO_ENABLED=0 GOOS=linux GOARCH=$(1) $(GO) build -trimpath -ldflags "-s -w -X $(MODULE)/internal/cli.version=$(PACKAGE_VERSION)" -o $(2)/meshhook ./cmd/meshhook && \
$(GO) run ./internal/packaging $(PACKAGE_VERSION) $(2) && \
for packager in deb rpm; do \
	OUT=$(2) ARCH=$(1) PACKAGE_VERSION=$(PACKAGE_VERSION) $(NFPM) package --config internal/packaging/nfpm.yaml --packager $$packager --target $(DIST)/; \
done
endef

# $(1) is the least coverage. Generated files are those that say so in the form
# of https://go.dev/s/generatedcode.
coverage = generated=$$(grep -rlE --include='*.go' '^// Code generated .* DO NOT EDIT\.$$' . | sed 's,^\./,,' | tr '\n' ' ' || true); \
	awk -v module=$(MODULE) -v floor=$(1) -v without="cmd/meshhook/main.go $$generated" -f .ci/coverage.awk $(PROFILE)

$(GOLANGCI):
	GOBIN=$(@D) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

$(NFPM):
	GOBIN=$(@D) $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)

$(GORELEASER):
	GOBIN=$(@D) $(GO) install github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)

# The places where distributions put a Postgres server: Debian and Ubuntu, PGDG
# on Fedora and RHEL, Fedora and Arch, Alpine, Homebrew, Postgres.app.
POSTGRES_PLACES := /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/bin /usr/local/bin /usr/libexec/postgresql* \
	/opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin /Applications/Postgres.app/Contents/Versions/*/bin

# A server of version 14 or later is all that MeshHook needs beside Go.
# create_main_cluster = false keeps Debian's package from starting a server of
# its own, which nobody here would use.
.PHONY: deps
deps:
	@for dir in $(POSTGRES_PLACES); do \
		[ -x "$$dir/postgres" ] && [ -x "$$dir/initdb" ] || continue; \
		major=$$("$$dir/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/'); \
		[ "$$major" -lt 14 ] || exit 0; \
	done; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then \
		echo "no Postgres server of version 14 or later was found: install the package postgresql" \
			"(Debian, Ubuntu, Alpine, Arch), postgresql-server (Fedora, RHEL), or 'brew install postgresql@17' (macOS)" >&2; \
		exit 1; \
	fi; \
	conf=/etc/postgresql-common/createcluster.conf; \
	if [ ! -e $$conf ]; then mkdir -p $${conf%/*}; echo "create_main_cluster = false" > $$conf; fi; \
	$(call apt_install,postgresql)

# The race detector needs cgo, and cgo needs a C compiler.
.PHONY: cc
cc:
	@compiler=$$($(GO) env CC); \
	if command -v "$${compiler%% *}" > /dev/null; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then \
		echo "the race detector needs a C compiler, and $$compiler was not found: install gcc" >&2; \
		exit 1; \
	fi; \
	$(call apt_install,gcc libc6-dev)

# The tests of the packages look inside them, and install them on a machine that they
# boot. Where that cannot be, they are skipped and say so.
.PHONY: package-deps
package-deps:
	@missing=; \
	for program in rpm:rpm dpkg-deb:dpkg systemd-analyze:systemd man:man-db nsenter:util-linux; do \
		command -v $${program%:*} > /dev/null || missing="$$missing $${program#*:}"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then \
		echo "some tests of the packages are skipped, for they need:$$missing" >&2; \
		exit 0; \
	fi; \
	$(call apt_install,$$missing)

# The scripts of the screen show it on a real terminal.
.PHONY: tmux
tmux:
	@if command -v tmux > /dev/null; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then \
		echo "the tests of the screen need tmux: install the package tmux" >&2; \
		exit 1; \
	fi; \
	$(call apt_install,tmux)

# doctor is tried behind a real pooler; without one that test is left out.
.PHONY: pooler
pooler:
	@if command -v pgbouncer > /dev/null || [ -x /usr/sbin/pgbouncer ] || [ "$$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then exit 0; fi; \
	$(call apt_install,pgbouncer) || echo "no pgbouncer could be installed: a test is left out" >&2

apt_install = export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1; \
	apt-get install -y --no-install-recommends $(1) || { apt-get update && apt-get install -y --no-install-recommends $(1); }
