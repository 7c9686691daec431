# The programs of programs.list: build/user/NAME.elf, and all that the kernel carries in
# build/user/programs.o; and /init, build/user/init.stripped. Included by kernel/kernel.mk, whose CC, LD and BUILD it uses.

# Programs are compiled as their users would: all of rv64gc, floating point in registers.
# memset() is a loop, and gcc must not make a call of memset() of it. The largest frame is
# half of the stack that a program has.
ifneq ($(findstring clang,$(CC)),)
U_ARCH := --target=riscv64-linux-gnu -march=rv64gc -mabi=lp64d
else
U_ARCH := -march=rv64gc -mabi=lp64d -D_LIBC_LIMITS_H_ -fno-tree-loop-distribute-patterns
endif
U_WARN := $(filter-out -Wframe-larger-than=%,$(K_WARN)) -Wframe-larger-than=4096
U_CFLAGS = $(U_ARCH) -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -mcmodel=medany \
           -fno-stack-protector -fno-common -fno-builtin -fno-strict-aliasing -fwrapv \
           -fno-delete-null-pointer-checks -fno-asynchronous-unwind-tables \
           -ffunction-sections -fdata-sections $(U_WARN) $(WERROR) \
           -Iuser -MMD -MP
U_LDFLAGS := -nostdlib --gc-sections -static --build-id=none -z noexecstack -z max-page-size=4096 \
             --no-warn-rwx-segments
U_LAYOUT_FLAGS_pages := -T user/user.ld
U_LAYOUT_FLAGS_rwx := -T user/rwx.ld
U_LAYOUT_FLAGS_default :=

U := $(BUILD)/user
U_LIB := $(patsubst user/%,$(U)/%.o,$(wildcard user/lib/*.[cS]))

# Says U_NAMES, U_EMBEDDED and, for each name, U_SOURCE_, U_DEFINES_ and U_LAYOUT_.
-include $(U)/programs.mk
$(U)/programs.mk: user/programs.list tools/user-programs
	@mkdir -p $(@D)
	@tools/user-programs rules user/programs.list >$@.new && mv $@.new $@

.PHONY: user
kernel: user
user: $(U_NAMES:%=$(U)/%.elf)

$(U)/lib/%.o: user/lib/% $(U)/flags
	@mkdir -p $(@D)
	$(CC) $(U_CFLAGS) -c $< -o $@

define U_PROGRAM
$(U)/$(1).o: $(U_SOURCE_$(1)) $(U)/programs.mk $(U)/flags
	$$(CC) $$(U_CFLAGS) -DPROGRAM='"$(1)"' $$(U_DEFINES_$(1)) -c $$< -o $$@
$(U)/$(1).elf: $(U)/$(1).o $(U_LIB) user/user.ld user/rwx.ld
	$$(LD) $$(U_LDFLAGS) $$(U_LAYOUT_FLAGS_$(U_LAYOUT_$(1))) $$(filter %.o,$$^) -o $$@
endef
$(foreach name,$(U_NAMES),$(eval $(call U_PROGRAM,$(name))))
-include $(U_NAMES:%=$(U)/%.d) $(U_LIB:.o=.d)

# /init is a program for Linux, and no part of the image.
U_INIT := $(patsubst user/%,$(U)/%.o,$(wildcard user/init/*.[cS]))
-include $(U_INIT:.o=.d)
user: $(U)/init.stripped
$(U)/init/%.o: user/init/% $(U)/flags
	@mkdir -p $(@D)
	$(CC) $(U_CFLAGS) -Wframe-larger-than=32768 -c $< -o $@
$(U)/init.elf: $(U_INIT)
	$(LD) $(U_LDFLAGS) $^ -o $@

# What the kernel carries: stripped, because the symbols would be half of it.
$(U)/%.stripped: $(U)/%.elf
	@$(OBJCOPY) --strip-all $< $@
$(U)/programs.S: user/programs.list tools/user-programs
	@mkdir -p $(@D)
	@tools/user-programs image user/programs.list $(U) >$@
$(U)/programs.o: $(U)/programs.S $(U_EMBEDDED:%=$(U)/%.stripped)
	@$(CC) $(K_FLAGS) -c $< -o $@

# The vDSO: a shared object that Linux programs find in their space.
V_OBJECTS := $(U)/vdso/vdso.c.o $(U)/vdso/sigreturn.S.o
$(U)/vdso/%.o: user/vdso/% $(U)/flags
	@mkdir -p $(@D)
	$(CC) $(U_CFLAGS) -fpic -Ikernel -c $< -o $@
$(U)/vdso/vdso.so: $(V_OBJECTS) user/vdso/vdso.ld
	$(LD) -shared -T user/vdso/vdso.ld -soname linux-vdso.so.1 --hash-style=both \
	    --build-id=none -z noexecstack -z max-page-size=4096 --strip-all $(V_OBJECTS) -o $@
$(U)/vdso.o: user/vdso/image.S $(U)/vdso/vdso.so
	@$(CC) $(K_FLAGS) -DVDSO='"$(U)/vdso/vdso.so"' -c $< -o $@
-include $(V_OBJECTS:.o=.d)

.PHONY: u-always
$(U)/flags: u-always
	@mkdir -p $(@D)
	@echo '$(CC) $(LD) $(subst ','\'',$(U_CFLAGS)) $(U_LIB)' | cmp -s - $@ || \
	    echo '$(CC) $(LD) $(subst ','\'',$(U_CFLAGS)) $(U_LIB)' >$@
