/* Programs, mapped: what proc/elf.h parsed becomes pages of an address space. */
#pragma once

#include "mm/aspace.h"
#include "proc/elf.h"

/*
 * Maps the segments of `e`, which was parsed from `image`, into s, `bias` bytes above
 * the addresses that e has (0 for ELF_EXEC; else a multiple of the page size). Pages
 * permit what their segments do; a page of several segments permits what any of them
 * does. Bytes that no segment takes from the file are zero.
 *
 * image_pa: the physical address of the image's byte 0, page aligned, or PA(0). Given,
 * whole pages of the image that are not to be written are mapped themselves and not
 * copied, for reading and executing at most, for ever (mprotect to W is -EACCES). The
 * image then must neither change nor go before the space, and its clones, are gone.
 *
 * All harts see the instructions. 0; -EEXIST if a page is taken, -EINVAL if bias is not
 * as above or a page would lie outside the space, -ENOMEM; on error nothing was mapped.
 */
must_check int elf_load(struct aspace *s, const struct elf *e, const void *image,
                        paddr_t image_pa, uint64_t bias);
