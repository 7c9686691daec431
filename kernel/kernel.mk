# The kernel and the monitor. Included by the top Makefile, or alone: make -f kernel/kernel.mk
#
#     build/debug/kernel.elf,.bin     with checks (DEBUG_CHECKS): what tests run
#     build/release/kernel.elf,.bin   without
#     build/kernel.elf,.bin           one of them, by DEBUG=1 or 0 (0)
#     build/monitor/monitor.elf,.bin  firmware for `-bios`
#     build/kilburn-none.elf          monitor and kernel in one, for `-bios none -kernel`
#
#     CC=gcc|clang-14|...  CROSS=prefix  LD=...  DEBUG=0|1  BUILD=folder  WERROR=-Werror

CROSS ?= riscv64-linux-gnu-
BUILD ?= build
DEBUG ?= 0
ifeq ($(origin CC),default)
CC := $(CROSS)gcc
endif
ifeq ($(CC),gcc)
CC := $(CROSS)gcc
endif
ifeq ($(origin LD),default)
LD := $(CROSS)ld
endif
OBJCOPY ?= $(CROSS)objcopy
NM ?= $(CROSS)nm

# clang 14 knows the CSR and fence.i instructions, but not the names of their extensions.
ifneq ($(findstring clang,$(CC)),)
K_ARCH := --target=riscv64-linux-gnu -march=rv64ima -mabi=lp64 -mno-relax
K_WARN_CC :=
else
# gcc's limits.h would go on to the C library's, which has none for this ABI.
K_ARCH := -march=rv64ima_zicsr_zifencei -mabi=lp64 -D_LIBC_LIMITS_H_
K_WARN_CC := -Wlogical-op -Wduplicated-cond
endif

K_WARN := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
          -Wundef -Wshadow -Wvla -Wpointer-arith -Wwrite-strings -Wcast-qual \
          -Wimplicit-fallthrough -Wconversion -Wno-sign-conversion -Wframe-larger-than=1024 \
          $(K_WARN_CC)
K_FLAGS := $(K_ARCH) -mcmodel=medany -ffreestanding -nostdlib -fno-pic -fno-pie \
           -fno-stack-protector -fno-common -fno-strict-aliasing -fwrapv \
           -fno-delete-null-pointer-checks -fno-omit-frame-pointer -g -O2 \
           -fno-asynchronous-unwind-tables
K_CFLAGS = $(K_FLAGS) -std=gnu11 $(K_WARN) $(WERROR) -Ikernel -MMD -MP
K_LDFLAGS := -nostdlib -static --build-id=none --no-warn-mismatch \
             -z max-page-size=4096 -z noexecstack

K_SOURCES := $(sort $(wildcard kernel/*.c kernel/*/*.c kernel/*/*/*.c kernel/*.S kernel/*/*.S \
                               kernel/*/*/*.S))

# libfdt for riscv64, where it is unpacked. The tool prints the folder.
LIBFDT_DIR = $(eval LIBFDT_DIR := $$(shell tools/get-libfdt))$(LIBFDT_DIR)

.PHONY: kernel
kernel: $(BUILD)/kernel.elf $(BUILD)/kernel.bin $(BUILD)/kilburn-none.elf \
        $(BUILD)/monitor/monitor.elf $(BUILD)/monitor/monitor.bin

K_KIND := $(if $(filter 1,$(DEBUG)),debug,release)
$(BUILD)/kernel.%: $(BUILD)/$(K_KIND)/kernel.%
	@cp $< $@

# $(1) = debug or release, $(2) = DEBUG_CHECKS
define K_BUILD
K_OBJECTS_$(1) := $(K_SOURCES:%=$(BUILD)/$(1)/%.o)
-include $$(K_OBJECTS_$(1):.o=.d)

$(BUILD)/$(1)/%.c.o: %.c $(BUILD)/flags
	@mkdir -p $$(@D)
	$$(CC) $$(K_CFLAGS) -isystem $$(LIBFDT_DIR)/include -DDEBUG_CHECKS=$(2) -c $$< -o $$@
$(BUILD)/$(1)/%.S.o: %.S $(BUILD)/flags
	@mkdir -p $$(@D)
	$$(CC) $$(K_FLAGS) -Ikernel -MMD -MP -c $$< -o $$@

$(BUILD)/$(1)/empty.S:
	@mkdir -p $$(@D)
	@tools/symbols </dev/null >$$@
$(BUILD)/$(1)/first.elf: $$(K_OBJECTS_$(1)) $(BUILD)/user/programs.o $(BUILD)/user/vdso.o \
                         $(BUILD)/$(1)/empty.o kernel/arch/riscv/image.ld
	$$(LD) $$(K_LDFLAGS) -T kernel/arch/riscv/image.ld $$(filter %.o,$$^) \
	    $$(LIBFDT_DIR)/libfdt.a -o $$@
$(BUILD)/$(1)/symbols.S: $(BUILD)/$(1)/first.elf tools/symbols
	@$$(NM) -n $$< | tools/symbols >$$@
$(BUILD)/$(1)/%.o: $(BUILD)/$(1)/%.S
	@$$(CC) $$(K_FLAGS) -c $$< -o $$@
$(BUILD)/$(1)/kernel.elf: $(BUILD)/$(1)/first.elf $(BUILD)/$(1)/symbols.o
	$$(LD) $$(K_LDFLAGS) -T kernel/arch/riscv/image.ld $$(K_OBJECTS_$(1)) \
	    $(BUILD)/user/programs.o $(BUILD)/user/vdso.o $(BUILD)/$(1)/symbols.o $$(LIBFDT_DIR)/libfdt.a -o $$@
$(BUILD)/$(1)/kernel.bin: $(BUILD)/$(1)/kernel.elf
	@$$(OBJCOPY) -O binary $$< $$@
endef
$(eval $(call K_BUILD,debug,1))
$(eval $(call K_BUILD,release,0))

# Rewritten only when the compiler or its flags or the set of files change: then all is rebuilt.
.PHONY: k-always
$(BUILD)/flags: k-always
	@mkdir -p $(BUILD)
	@echo '$(CC) $(LD) $(K_CFLAGS) $(K_SOURCES)' | cmp -s - $@ || \
	    echo '$(CC) $(LD) $(K_CFLAGS) $(K_SOURCES)' >$@

# The programs and the vDSO that the kernel carries: $(BUILD)/user/programs.o, vdso.o.
include user/user.mk

# The monitor: machine mode, linked where QEMU enters with -bios none.
M_SOURCES := $(sort $(wildcard monitor/*.c monitor/*.S))
M_OBJECTS := $(M_SOURCES:%=$(BUILD)/%.o)
-include $(M_OBJECTS:.o=.d)
$(BUILD)/monitor/%.c.o: monitor/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(K_CFLAGS) -I. -c $< -o $@
$(BUILD)/monitor/%.S.o: monitor/%.S $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(K_FLAGS) -I. -MMD -MP -c $< -o $@
$(BUILD)/monitor/monitor.elf: $(M_OBJECTS) monitor/monitor.ld
	$(LD) $(K_LDFLAGS) -T monitor/monitor.ld $(M_OBJECTS) -o $@
$(BUILD)/monitor/monitor.bin: $(BUILD)/monitor/monitor.elf
	@$(OBJCOPY) -O binary $< $@

# The flat kernel as one object, placed behind the monitor.
$(BUILD)/monitor/payload.o: $(BUILD)/kernel.bin monitor/payload.inc
	@$(CC) $(K_FLAGS) -DPAYLOAD='"$<"' -x assembler-with-cpp -c monitor/payload.inc -o $@
$(BUILD)/kilburn-none.elf: $(M_OBJECTS) $(BUILD)/monitor/payload.o monitor/monitor.ld
	$(LD) $(K_LDFLAGS) -T monitor/monitor.ld $(M_OBJECTS) $(BUILD)/monitor/payload.o -o $@
