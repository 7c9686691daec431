/*
 * The vDSO: the page or two of code, and the page of data below, that Linux programs find in
 * their space (user/vdso/).
 *
 *     base - PAGE_SIZE   [vvar]   struct vdso_data, read only
 *     base               [vdso]   an ELF shared object, read and executed
 *
 * All programs show the same frames.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"

struct aspace;

/* After rtc_init() and slab_init(). 0, or -ENOMEM, which ends the boot. */
must_check int vdso_init(void);

/* Maps data and code, at `hint` if that is free, or wherever there is room; VA(0): anywhere. 0 and
 * the ELF header's address in *base: AT_SYSINFO_EHDR. -ENOMEM. */
must_check int vdso_map(struct aspace *s, vaddr_t hint, vaddr_t *base);

/* In a vDSO at `base`: where signal handlers return to. */
vaddr_t vdso_sigreturn(vaddr_t base);

/* proc/wall.c's: the world's time when the machine's was 0. */
void vdso_set_wall(int64_t ns);
