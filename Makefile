# runward. `make help` lists what there is.

SYSCONFDIR ?= /etc
RUNDIR     ?= /run/runward
LOGDIR     ?= /var/log/runward
STATEDIR   ?= /var/lib/runward
LIBDIR     ?= /usr/lib
LIBEXECDIR ?= /usr/libexec
PREFIX     ?= /usr
BINDIR     ?= bin
DESTDIR    ?=
STRIP      ?= -s -w
VERSION    ?= 0.1.0-dev
FUZZTIME   ?= 60s
BUILDER    ?= podman
IMAGE      ?= ghcr.io/runward/installer

GO     ?= go
module := github.com/runward/runward
conf   := $(module)/internal/config
paths  := -X $(conf).SysConfDir=$(SYSCONFDIR) -X $(conf).RunDir=$(RUNDIR) -X $(conf).LogDir=$(LOGDIR) \
	-X $(conf).StateDir=$(STATEDIR) -X $(conf).BinDir=$(PREFIX)/bin -X $(conf).LibDir=$(LIBDIR) -X $(conf).LibExecDir=$(LIBEXECDIR) -X $(conf).Version=$(VERSION)
gobuild = CGO_ENABLED=0 $(GO) build -trimpath

.PHONY: all build runward runward-rules runward-hook runwardd runwardctl containerd-shim-runward-v2 runward-installer test unit oracle cases chart evidence monitoring load lint generate verify fuzz bench e2e compare vm matrix demo install image setup help clean
.DEFAULT_GOAL := build

all: build

build: runward runward-rules runward-hook runwardd runwardctl containerd-shim-runward-v2 ## every binary in bin/

runward:
	$(gobuild) -ldflags '$(STRIP) -E runward_entry $(paths)' -o $(BINDIR)/runward ./cmd/runward

runward-rules:
	$(gobuild) -ldflags '$(STRIP) -E runward_entry $(paths)' -o $(BINDIR)/runward-rules ./cmd/runward-rules

# Three times in the life of every container: nothing is linked that it does not need.
runward-hook:
	$(gobuild) -ldflags '$(STRIP) -X $(module)/hooks/notify.Socket=$(RUNDIR)/monitor.sock' -o $(BINDIR)/runward-hook ./cmd/runward-hook

runwardd:
	$(gobuild) -ldflags '$(STRIP) $(paths)' -o $(BINDIR)/runwardd ./cmd/runwardd

runwardctl:
	$(gobuild) -ldflags '$(STRIP) $(paths)' -o $(BINDIR)/runwardctl ./cmd/runwardctl

containerd-shim-runward-v2:
	$(gobuild) -ldflags '$(STRIP) $(paths)' -o $(BINDIR)/$@ ./cmd/containerd-shim-runward-v2

# On a node of Kubernetes everything is below a link that never vanishes; see packaging/kubernetes.
KUBEDIR := dist/kubernetes

runward-installer:
	$(MAKE) --no-print-directory runward runward-rules runward-hook runwardctl PREFIX=/opt/runward/current LIBEXECDIR=/opt/runward/current/libexec BINDIR=$(KUBEDIR)/payload/bin
	install -D -m 0755 -t $(KUBEDIR)/payload/libexec/runward $(KUBEDIR)/payload/bin/runward-rules $(KUBEDIR)/payload/bin/runward-hook
	rm $(KUBEDIR)/payload/bin/runward-rules $(KUBEDIR)/payload/bin/runward-hook
	$(gobuild) -ldflags '$(STRIP) $(paths)' -o $(KUBEDIR)/runward-installer ./cmd/runward-installer

image: runward-installer ## the image of the installer for Kubernetes, with podman, buildah or docker (BUILDER, IMAGE)
	$(BUILDER) build --tag $(IMAGE):$(VERSION) --file packaging/kubernetes/Containerfile $(KUBEDIR)

setup: ## install what the tests need (Debian, root)
	test/setup

test: setup build unit oracle cases chart evidence e2e ## set up, build, and run every test

unit: ## the tests that need no container runtime
	$(GO) test ./...

oracle: ## how arguments are read, against the libraries of runc and crun
	test/oracle/run

cases: runwardctl ## what the profiles and the example policy decide, by runwardctl policy test
	$(BINDIR)/runwardctl policy test test/policy packaging/examples

chart: ## the Helm chart, rendered by Helm's engine and read with Kubernetes' own types
	$(GO) -C test/kubernetes test ./...

evidence: ## what leaves the node, against rsyslog, the OpenTelemetry collector's receiver and the schema of OCSF
	$(GO) -C test/evidence test ./...

monitoring: ## the rules for Prometheus, tried with promtool
	test/monitoring/run

load: ## what runwardd costs with 500 containers and 50 starts a second (root, two minutes)
	test/load/run

e2e: build ## the tests on real runc, containerd and podman (root)
	test/e2e/run

lint: ## vet, staticcheck, errorlint, exhaustive, unparam, gofumpt, shellcheck
	test/lint

generate: ## everything that is made from the code
	$(GO) generate ./...

verify: lint test ## lint, test, and generated files are current
	test/generated

fuzz: ## every fuzz target for FUZZTIME (60s) each
	test/fuzz $(FUZZTIME)

bench: ## what runward costs, in turns with plain runc (root)
	test/setup bench
	test/bench/run

compare: build ## whole sessions with plain runc and with runward that audits, side by side (root, minutes)
	test/e2e/run compare

vm: ## the end-to-end tests on cgroup v2, systemd, AppArmor and newer engines, in a virtual machine (root, minutes)
	test/setup vm
	test/vm/test

matrix: ## every engine, runtime, cgroup version and driver, in one table (root, half an hour)
	test/setup test vm
	test/vm/matrix

demo: ## set up, build, and run one allowed, one rewritten and one refused container (root)
	test/setup demo
	@$(MAKE) --no-print-directory runward runward-rules runwardctl
	test/demo

install: build ## install under DESTDIR
	install -D -m 0755 $(BINDIR)/runward $(DESTDIR)$(PREFIX)/bin/runward
	install -D -m 0755 $(BINDIR)/runward-rules $(DESTDIR)$(LIBEXECDIR)/runward/runward-rules
	install -D -m 0755 $(BINDIR)/runward-hook $(DESTDIR)$(LIBEXECDIR)/runward/runward-hook
	install -D -m 0755 $(BINDIR)/runwardd $(DESTDIR)$(PREFIX)/sbin/runwardd
	install -D -m 0755 $(BINDIR)/runwardctl $(DESTDIR)$(PREFIX)/bin/runwardctl
	install -D -m 0755 $(BINDIR)/containerd-shim-runward-v2 $(DESTDIR)$(PREFIX)/bin/containerd-shim-runward-v2
	install -d -m 0755 $(DESTDIR)$(SYSCONFDIR)/runward/policy.d
	install -d -m 0755 $(addprefix $(DESTDIR)$(PREFIX)/share/,man/man5 man/man8 runward bash-completion/completions zsh/site-functions fish/vendor_completions.d)
	install -m 0644 packaging/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 0644 packaging/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	install -m 0644 packaging/doc/*.schema.json $(DESTDIR)$(PREFIX)/share/runward/
	install -m 0644 packaging/completions/runwardctl.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/runwardctl
	install -m 0644 packaging/completions/_runwardctl $(DESTDIR)$(PREFIX)/share/zsh/site-functions/
	install -m 0644 packaging/completions/runwardctl.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/

clean: ## remove what was built
	rm -rf bin

help: ## this list
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10
