# The contract: quickstart, test, bench, lint. Each target sets up what it needs.
CARGO ?= cargo
TOOLS := .tools

.PHONY: quickstart build test lint bench tools fixtures clean-tools

## quickstart: build the command line and play a week of a small team's life, with the stack left up until Ctrl-C
quickstart: build
	target/release/clyra demo

build:
	$(CARGO) build --release --locked --bin clyra

## test: every test, the emulated cloud and the browser included
test: tools
	tests/run

## lint: formatting, lints and documentation, warnings as errors
lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --all-features --quiet

## bench: the budgets, each with what it is compared to in the same run
bench:
	tests/bench

## tools: what the tests need beside Rust, in $(TOOLS) (Python packages, Node packages) and from the system (Chromium)
tools:
	tests/tools

## fixtures: run the dbt projects for real and keep their artifacts and answers
fixtures:
	fixtures/dbt/record
	tests/dbt/oracle
