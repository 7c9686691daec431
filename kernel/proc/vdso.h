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

#include "mm/aspace.h"

/* After rtc_init() and slab_init(). 0, or -ENOMEM, which ends the boot. */
must_check int vdso_init(void);

/* Data and code, for aspace_map_pieces(): how much they are, and what they are from `start` on. The
 * ELF header's address: AT_SYSINFO_EHDR. */
enum { VDSO_PIECES = 2 };
uint64_t vdso_bytes(void);
vaddr_t vdso_pieces(vaddr_t start, struct mapping_piece out[VDSO_PIECES]);

/* In a vDSO at `base`: where signal handlers return to. It is the ELF header's entry. */
extern const char vdso_image[] __attribute__((aligned(PAGE_SIZE)));
static inline vaddr_t vdso_sigreturn(vaddr_t base)
{
    enum { ELF_ENTRY = 24 };
    const uint64_t *words = (const void *)vdso_image;

    return va_add(base, words[ELF_ENTRY / sizeof(*words)]);
}

/* proc/wall.c's: the world's time when the machine's was 0. */
void vdso_set_wall(int64_t ns);
