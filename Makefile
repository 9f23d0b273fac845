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
# Of a source tarball .version says what it is: version, time of the commit, commit.
VERSION    ?= $(or $(word 1,$(shell cat .version 2>/dev/null)),0.1.0-dev)
FUZZTIME   ?= 60s
BUILDER    ?= podman
IMAGE      ?= ghcr.io/runward/installer
UNITDIR    ?= $(LIBDIR)/systemd/system
TMPFILESDIR ?= $(LIBDIR)/tmpfiles.d
DOCDIR     ?= $(PREFIX)/share/doc/runward
LICENSEDIR ?= $(DOCDIR)
# 1: runwardd and runwardctl are position independent. It takes a C compiler and a static libc.
PIE        ?=

GO     ?= go
module := github.com/runward/runward
conf   := $(module)/internal/config
paths  := -X $(conf).SysConfDir=$(SYSCONFDIR) -X $(conf).RunDir=$(RUNDIR) -X $(conf).LogDir=$(LOGDIR) \
	-X $(conf).StateDir=$(STATEDIR) -X $(conf).BinDir=$(PREFIX)/bin -X $(conf).LibDir=$(LIBDIR) -X $(conf).LibExecDir=$(LIBEXECDIR) -X $(conf).Version=$(VERSION)
mark   := -X $(module)/internal/stamp.Mark=runward-version:$(VERSION);
gobuild = CGO_ENABLED=0 $(GO) build -trimpath

# Never the wrapper, the hook and the shim: they start for every container, and
# as static-pie they start 0.7 ms later; the wrapper also has an entry point of its own.
pie = $(if $(PIE),CGO_ENABLED=1 $(GO) build -trimpath -buildmode=pie -tags osusergo$(comma)netgo,$(gobuild))
comma := ,
pieflags = $(if $(PIE),-linkmode=external -extldflags "-static-pie -Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now")

.PHONY: all build runward runward-rules runward-hook runwardd runwardctl containerd-shim-runward-v2 runward-installer test unit oracle cases chart evidence monitoring load lint generate verify fuzz bench e2e compare vm matrix demo install dist packages packages-test release image setup help clean
.DEFAULT_GOAL := build

all: build

build: runward runward-rules runward-hook runwardd runwardctl containerd-shim-runward-v2 ## every binary in bin/

runward:
	$(gobuild) -ldflags '$(STRIP) -E runward_entry $(paths) $(mark)' -o $(BINDIR)/runward ./cmd/runward

runward-rules:
	$(gobuild) -ldflags '$(STRIP) -E runward_entry $(paths) $(mark)' -o $(BINDIR)/runward-rules ./cmd/runward-rules

# Three times in the life of every container: nothing is linked that it does not need.
runward-hook:
	$(gobuild) -ldflags '$(STRIP) $(mark) -X $(module)/hooks/notify.Socket=$(RUNDIR)/monitor.sock' -o $(BINDIR)/runward-hook ./cmd/runward-hook

runwardd:
	$(pie) -ldflags '$(STRIP) $(paths) $(mark) $(pieflags)' -o $(BINDIR)/runwardd ./cmd/runwardd

runwardctl:
	$(pie) -ldflags '$(STRIP) $(paths) $(mark) $(pieflags)' -o $(BINDIR)/runwardctl ./cmd/runwardctl

containerd-shim-runward-v2:
	$(gobuild) -ldflags '$(STRIP) $(paths) $(mark)' -o $(BINDIR)/$@ ./cmd/containerd-shim-runward-v2

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
	LAB_APPEND="lsm=selinux,bpf selinux=1 systemd.unit=multi-user.target" test/vm/test '^TestAttestLabels$$' ''

matrix: ## every engine, runtime, cgroup version and driver, in one table (root, half an hour)
	test/setup test vm
	test/vm/matrix

demo: ## set up, build, and run one allowed, one rewritten and one refused container (root)
	test/setup demo
	@$(MAKE) --no-print-directory runward runward-rules runwardctl
	test/demo

share = $(DESTDIR)$(PREFIX)/share

install: build ## install under DESTDIR: PREFIX, SYSCONFDIR, LIBDIR, LIBEXECDIR and the rest at the top of the Makefile
	install -D -m 0755 -t $(DESTDIR)$(PREFIX)/bin $(BINDIR)/runward $(BINDIR)/runwardctl $(BINDIR)/containerd-shim-runward-v2
	install -D -m 0755 -t $(DESTDIR)$(PREFIX)/sbin $(BINDIR)/runwardd
	install -D -m 0755 -t $(DESTDIR)$(LIBEXECDIR)/runward $(BINDIR)/runward-rules $(BINDIR)/runward-hook
	install -d -m 0755 $(DESTDIR)$(SYSCONFDIR)/runward/policy.d $(DESTDIR)$(SYSCONFDIR)/apparmor.d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(TMPFILESDIR)
	sed 's|/usr/sbin/runwardd|$(PREFIX)/sbin/runwardd|' packaging/systemd/runwardd.service >$(DESTDIR)$(UNITDIR)/runwardd.service
	sed 's|/run/runward|$(RUNDIR)|; s|/var/log/runward|$(LOGDIR)|; s|/var/lib/runward|$(STATEDIR)|' packaging/tmpfiles/runward.conf >$(DESTDIR)$(TMPFILESDIR)/runward.conf
	sed 's|/usr/sbin/runwardd|$(PREFIX)/sbin/runwardd|; s|/etc/runward|$(SYSCONFDIR)/runward|' packaging/apparmor/runwardd >$(DESTDIR)$(SYSCONFDIR)/apparmor.d/runwardd
	chmod 0644 $(DESTDIR)$(UNITDIR)/runwardd.service $(DESTDIR)$(TMPFILESDIR)/runward.conf $(DESTDIR)$(SYSCONFDIR)/apparmor.d/runwardd
	install -D -m 0644 packaging/logrotate/runward $(DESTDIR)$(SYSCONFDIR)/logrotate.d/runward
	install -D -m 0644 -t $(share)/man/man5 packaging/man/*.5
	install -D -m 0644 -t $(share)/man/man8 packaging/man/*.8
	install -D -m 0644 -t $(share)/runward packaging/doc/*.schema.json
	install -D -m 0644 -t $(share)/runward/profiles policy/profiles/*.toml
	install -D -m 0644 packaging/completions/runwardctl.bash $(share)/bash-completion/completions/runwardctl
	install -D -m 0644 -t $(share)/zsh/site-functions packaging/completions/_runwardctl
	install -D -m 0644 -t $(share)/fish/vendor_completions.d packaging/completions/runwardctl.fish
	install -D -m 0644 -t $(DESTDIR)$(DOCDIR) README.md CHANGELOG.md packaging/doc/*.md
	install -D -m 0644 -t $(DESTDIR)$(DOCDIR)/examples packaging/examples/*
	install -d -m 0755 $(DESTDIR)$(DOCDIR)/kubernetes
	cp -R --no-preserve=mode,ownership packaging/kubernetes/README.md packaging/kubernetes/runward.yaml packaging/kubernetes/chart $(DESTDIR)$(DOCDIR)/kubernetes/
	install -D -m 0644 -t $(DESTDIR)$(LICENSEDIR) LICENSE packaging/licences/third-party

dist: ## dist/runward-VERSION.tar.xz: the source of HEAD with what it needs, to build without a network
	packaging/dist $(VERSION)

packages: ## deb and rpm of HEAD for amd64 and arm64, into dist/, in a clean Debian 13 root (root)
	test/setup packages
	test/packages/root
	test/packages/build $(VERSION)

packages-test: ## builds the packages twice, and installs, upgrades, uses, removes and purges them (root, minutes)
	test/setup packages vm
	test/packages/run

release: ## everything of a release into dist/release: make release VERSION=1.2.3 (root)
	test/setup packages
	packaging/release $(VERSION)

clean: ## remove what was built
	rm -rf bin dist

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 15
