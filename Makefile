# Everything builds with one profile, `--release`, so that each dependency is compiled once.
# `make help` lists the targets.

CARGO ?= cargo
SANDBUS := target/release/sandbus
# Each in the folder of its language.
EXAMPLES := $(patsubst %/,%,$(wildcard examples/*/*/))
COMPONENTS := target/components
# Guests have a target folder of their own: another workspace, and now and then another compiler.
GUESTS := $(CURDIR)/target/guests

.PHONY: help
help:
	@echo 'make demo     set up what is missing, build, and watch example handlers at work'
	@echo 'make test     set up what is missing, and run every test against a real Kafka'
	@echo 'make build    target/release/sandbus, and each example as target/components/NAME.wasm'
	@echo 'make bench    how fast the host is, against a bare loop and native code; BENCH="..." are options of sandbus bench'
	@echo 'make telemetry-cost  what metrics and tracing cost, on and off by turns; COST="--rounds 10" are options of sandbus bench'
	@echo 'make chaos    harm hosts, brokers and network for MINUTES=10, and compare everything; SEED=N repeats a run'
	@echo 'make soak     hostile and good handlers together for MINUTES=60: nothing is lost, and memory is flat'
	@echo 'make fuzz     feed TARGET=answer, component, configuration, event, json_line or returned with bytes of any kind for MINUTES=10'
	@echo 'make peers    measure other ways to handle events on a real Kafka; RECORDS=1000000'
	@echo 'make scaling  measure cores, handlers, partitions, payloads, headers, memory and start; tables and plots; SCALING="..."'
	@echo 'make languages  measure the probe of each language: size, builds, calls, memory; writes docs/languages.md'
	@echo 'make reload-bench  measure what a reload adds to an event'"'"'s wait; RELOADS=100 RATE=2000 COMPONENT=probe-rust'
	@echo 'make dashboard  run a shop under a real Prometheus and draw what the dashboard shows; DASHBOARD="--minutes 5"'
	@echo 'make kafka    start a real Kafka for trying things; Ctrl-C stops it'
	@echo 'make check    format, lints, documentation, licences'
	@echo 'make instructions  compare the instructions that an event takes with those that are kept; needs valgrind'

.PHONY: setup
setup:
	@scripts/setup-build.sh

# The whole workspace at once: a part alone would compile shared dependencies with other features again. So would what has no
# tests, once more with the tests; what needs both builds both.
test instructions: TARGETS := --lib --bins --tests

.PHONY: host
host: setup
	@test -e $(SANDBUS) || echo '==> Building the host. The first build compiles some 350 crates: 5 to 12 minutes on 2 cores.'
	@$(CARGO) build --release --workspace $(TARGETS)

# examples/NAME/LANGUAGE is built to NAME-LANGUAGE.wasm.
build_examples = @mkdir -p $(COMPONENTS); \
	for example in $(1); do \
		name=$$(basename $$(dirname $$example))-$$(basename $$example); \
		CARGO_TARGET_DIR=$(GUESTS) $(SANDBUS) build $$example --output $(COMPONENTS)/$$name.wasm || exit $$?; \
	done

.PHONY: build
build: host
	@scripts/setup-languages.sh
	$(call build_examples,$(EXAMPLES))

# The examples that the demo runs are Rust: no other language's tools are needed.
.PHONY: demo
demo: host
	$(call build_examples,$(filter %/rust,$(EXAMPLES)))
	@$(SANDBUS) demo

.PHONY: test
test: build
	@scripts/setup-kafka.sh
	@scripts/setup-python.sh
	@scripts/setup-collector.sh
	@scripts/setup-prometheus.sh
	@echo '==> Tests of the host, against a real Kafka'
	@$(CARGO) test --release --workspace --no-run --quiet
	@target/release/with-kafka -- $(CARGO) test --release --workspace
	@echo '==> Tests of the SDK and of the examples'
	@$(CARGO) test --release --manifest-path guest-sdk/rust/Cargo.toml --target-dir $(GUESTS)
	@$(CARGO) test --release --manifest-path examples/Cargo.toml --target-dir $(GUESTS)
	@scripts/test-c.sh
	@scripts/test-go.sh
	@scripts/test-js.sh
	@scripts/test-python.sh

# For example: make bench BENCH="--handler json --json"
BENCH ?= --latency
.PHONY: bench
bench: build
	@scripts/setup-kafka.sh
	@target/release/with-kafka -- sh -c 'exec $(SANDBUS) bench --bootstrap-servers "$$SANDBUS_TEST_KAFKA" $(BENCH)'

# With a real OpenTelemetry Collector; docs/performance.md says what is measured.
.PHONY: telemetry-cost
telemetry-cost: build
	@scripts/telemetry-cost.sh $(COST)

MINUTES ?= 10
.PHONY: chaos
chaos: build
	@scripts/setup-kafka.sh
	@target/release/chaos --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(RATE),--rate $(RATE))

# Needs rustup and a network: a nightly compiler and cargo-fuzz are fetched. `make test` does some seconds of it without.
TARGET ?= answer
.PHONY: fuzz
fuzz: MINUTES = 10
fuzz: setup
	@scripts/fuzz.sh $(TARGET) $(MINUTES)

# docs/hostile.md says what is done and looked at.
.PHONY: soak
soak: MINUTES = 60
soak: build
	@scripts/setup-kafka.sh
	@target/release/with-kafka -- target/release/soak --minutes $(MINUTES) --json target/soak.json $(if $(RATE),--rate $(RATE))

# Prints JSON Lines; tests/peers/run.sh has more options.
.PHONY: peers
peers: host
	@scripts/setup-peers.sh
	@target/release/with-kafka -- tests/peers/run.sh $(if $(RECORDS),--records $(RECORDS))

# All of it takes some 20 minutes; tests/scaling/measure.py --help has the options.
.PHONY: scaling
scaling: build
	@scripts/setup-kafka.sh
	@scripts/setup-plots.sh
	@target/release/with-kafka --property log.segment.delete.delay.ms=1000 -- tests/scaling/measure.py $(SCALING)
	@scripts/plots.sh

# The tables and plots of docs/performance.md, from what `make scaling` has left.
.PHONY: plots
plots:
	@scripts/plots.sh

# The table of docs/languages.md; LANGUAGES="rust js" measures only those anew.
.PHONY: languages
languages: build
	@python3 -B tests/languages/measure.py $(LANGUAGES)

# How much longer an event waits because of a reload; fails above 50 ms. docs/reload.md has what we measured.
RELOADS ?= 100
.PHONY: reload-bench
reload-bench: build
	@scripts/setup-kafka.sh
	@target/release/with-kafka -- target/release/reload --reloads $(RELOADS) $(if $(RATE),--rate $(RATE)) $(if $(COMPONENT),--component $(COMPONENT))

# What docs/dashboard.md shows.
.PHONY: dashboard
dashboard: build
	@scripts/dashboard.sh $(DASHBOARD)

.PHONY: kafka
kafka: host
	@scripts/setup-kafka.sh
	@target/release/with-kafka

.PHONY: check
check: setup
	@scripts/check.sh

.PHONY: instructions
instructions: build
	@scripts/check-instructions.sh
