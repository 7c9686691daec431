# Host tests and fuzz targets: the kernel's own files, built for this machine.
#
# Every tests/host/NAME_test.c is a program, and so is every tests/fuzz/NAME_fuzz.c.
# Comment lines in the file itself say what it is made of, besides the harness:
#
#     // sources: kernel/lib/log.c kernel/lib/printf.c
#     // flags: -DMODEL_SCHEDULER
#     // libs: -lfdt
#
# tests/host/fake comes first on the include path and replaces headers of arch/riscv
# by ones for which physical memory is an array.
#
#     host-build host-run      build, run; host-test does both
#     fuzz-build fuzz-run      a few seconds for each target, with a fixed seed
#     fuzz-long                minutes for each, with a seed of the moment
#     coverage-host            builds and runs the host tests into $(COVERAGE)

HOST_OUT ?= build/host
FUZZ_OUT := build/fuzz
FUZZ_RUNS ?= 100000
FUZZ_SECONDS ?= 5
FUZZ_LONG_SECONDS ?= 180
COVERAGE ?= build/coverage

HOST_CC := gcc
FUZZ_CC := clang-14

HOST_WARNINGS := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes \
    -Wold-style-definition -Wundef -Wshadow -Wvla -Wpointer-arith -Wwrite-strings \
    -Wimplicit-fallthrough -Wconversion -Wno-sign-conversion
HOST_FLAGS := -std=gnu11 -g -O1 -fno-omit-frame-pointer -fno-strict-aliasing -fwrapv \
    -fno-common $(HOST_WARNINGS) $(WERROR) -DDEBUG_CHECKS=1 \
    -Itests/host/fake -Ikernel -Itests/host -MMD -MP
HOST_SANITIZE ?= -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_SANITIZE := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all

HOST_TESTS := $(basename $(notdir $(wildcard tests/host/*_test.c)))
FUZZERS := $(basename $(notdir $(wildcard tests/fuzz/*_fuzz.c)))

# $(call says,FILE,WORD): what FILE's comment lines say after "WORD:".
says = $(shell sed -n 's|^// $2: ||p' $1)

# $(call objects,FOLDER,FILE): where FILE's objects are, which it shares with all of the same flags.
empty :=
objects = $1/objects$(subst =,-,$(subst /,_,$(subst $(empty) ,,$(call says,$2,flags))))

# $(call compile,FOLDER,FILE,COMPILER,SANITIZE): how they are made.
define compile
ifndef made-$(call objects,$1,$2)
made-$(call objects,$1,$2) := 1
$(call objects,$1,$2)/%.o: %.c
	@mkdir -p $$(@D)
	@echo "  CC      $$<"
	@$3 $$(HOST_FLAGS) $4 $(call says,$2,flags) -c $$< -o $$@
endif
endef

# $(call program,FOLDER,NAME,FILE,HARNESS,COMPILER,SANITIZE): the rules of one program.
define program
$(call compile,$1,$3,$5,$6)
$1/$2: $(patsubst %.c,$(call objects,$1,$3)/%.o,$3 $4 $(call says,$3,sources))
	@echo "  LD      $$@"
	@$5 $6 $$^ $(call says,$3,libs) -o $$@
-include $(patsubst %.c,$(call objects,$1,$3)/%.d,$3 $4 $(call says,$3,sources))
endef

$(foreach t,$(HOST_TESTS),$(eval $(call program,$(HOST_OUT),$t,tests/host/$t.c,\
    tests/host/test.c tests/host/crash.c,$(HOST_CC),$(HOST_SANITIZE))))
$(foreach t,$(FUZZERS),$(eval $(call program,$(FUZZ_OUT),$t,tests/fuzz/$t.c,\
    tests/host/crash.c,$(FUZZ_CC),$(FUZZ_SANITIZE))))

.PHONY: host-test host-build host-run fuzz-build fuzz-run fuzz-short fuzz-long coverage-host

host-test: host-run

host-build: $(HOST_TESTS:%=$(HOST_OUT)/%)

host-run: host-build
	@tests/host/run-all $(HOST_TESTS:%=$(HOST_OUT)/%)

fuzz-build: $(FUZZERS:%=$(FUZZ_OUT)/%)

fuzz-short: fuzz-run

fuzz-run: fuzz-build
	@tests/fuzz/run-all -seed=1 -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) -- \
	    $(FUZZERS:%=$(FUZZ_OUT)/%)

fuzz-long: fuzz-build
	@tests/fuzz/run-all -max_total_time=$(FUZZ_LONG_SECONDS) -- $(FUZZERS:%=$(FUZZ_OUT)/%)

# Threads count together, and children end in a way that keeps what they have counted.
# Left out are two that this makes too slow: one has thousands of children, and the
# other's child has a minute for all orders of a story. The model takes fewer steps.
coverage-host:
	@MODEL_STEPS=50000 TEST_SEED=1962 $(MAKE) --no-print-directory HOST_OUT=$(COVERAGE) \
	    HOST_TESTS="$(filter-out explore_random_test aspace_share_test,$(HOST_TESTS))" \
	    HOST_SANITIZE="--coverage -fprofile-abs-path -fprofile-update=atomic \
	        -D_exit=exit" host-run
