# Kilburn's front door: every target here is one line of work done elsewhere.
#
#     kernel/kernel.mk       the kernel, both kinds, and the monitor
#     tests/host/host.mk     the host tests and the fuzz targets
#     tools/                 everything else, as programs that stand alone
#
# A target first lets tools/setup install what it needs and lacks, which costs
# nothing when nothing is missing, and then calls a second make for the work, so
# that the rules of the files above may rely on their compilers being there.

MAKEFLAGS += --no-builtin-rules
JOBS := $(shell nproc 2>/dev/null || echo 1)
QUICK = $(MAKE) --no-print-directory --silent $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

.DEFAULT_GOAL := build
.PHONY: build run demo test test-host test-guest test-linux test-long bench bench-smp profile debug format check coverage \
        seeds mutants clean help

include kernel/kernel.mk
include tests/host/host.mk

build: ## build the kernel, the monitor and all that boots (build/)
	@tools/setup build
	@$(QUICK) kernel $(BUILD)/debug/kernel.elf

run: ## boot to a shell, in a terminal; or one that reads its commands from a pipe
	@tools/setup run image
	@./kilburn run

demo: ## boot the demonstration: the tutorials' programs, each in its own space
	@tools/setup run
	@./kilburn demo

test: ## all that guards a change; ends with "N passed, N failed"
	@tools/setup test
	@tools/test

test-host: ## the kernel's own files, compiled for this machine, under sanitizers
	@tools/setup host
	@$(QUICK) host-test

test-guest: ## the in-kernel tests, crash and boot tests, and kilburn run, under QEMU
	@tools/setup guest
	@tools/guest-test
	@tools/run-test

test-linux: ## ordinary programs, here and on Linux; GROUP=name for one folder of tests/linux
	@tools/setup linux
	@tools/linux-test $(GROUP)

test-long: ## like test, with long fuzzing and every mutant; writes build/test-long.txt
	@tools/setup test
	@tools/test --long

bench: ## instructions per operation, beside Linux; writes bench/results.md and .svg
	@tools/setup bench
	@bench/run

bench-smp: ## cache lines that harts take from each other, and rates with two harts beside Linux
	@tools/setup bench
	@bench/smp

profile: ## where the instructions of one operation go: OPERATION=null_syscall
	@tools/setup bench
	@bench/profile $(or $(OPERATION),$(error say which: make profile OPERATION=null_syscall))

debug: ## QEMU stopped at the first kernel instruction, with GDB and our commands
	@tools/setup debug
	@./kilburn demo --gdb

format: ## rewrite the sources as .clang-format says
	@tools/setup check
	@tools/check --format

check: ## format, includes, headers, and builds with gcc and clang with -Werror
	@tools/setup check
	@tools/check

coverage: ## lines of kernel/mm that the host tests reach; at least 95 %
	@tools/setup coverage
	@tools/coverage

seeds: ## each row of the seeds, the test that holds it, its result
	@tools/seeds

mutants: ## remove one check, lock or fence at a time: the tests must notice
	@tools/setup test
	@tools/mutants

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/    make \1|\2/p' Makefile | awk -F"|" "{printf \"%-20s %s\\n\", \$$1, \$$2}"

# What a variable of the files above is, for tools: make -s print-K_CFLAGS
print-%:
	@echo '$($*)'
