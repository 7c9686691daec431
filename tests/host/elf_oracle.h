/*
 * What a loaded program must look like, worked out a second time: from the bytes of the
 * file and the C library's idea of them, page by page, without proc/elf.h or runs.
 */
#pragma once

#include "mm/aspace.h"

struct loaded {
    struct aspace *s;   /* nothing else is mapped in it */
    const void *image;  /* a file that elf_parse() accepts */
    paddr_t image_pa;   /* as given to elf_load() */
    size_t image_pages; /* of physical memory from there */
    uint64_t bias;
};

/*
 * NULL, or what is wrong: which pages are mapped, what they permit, what they hold, whose
 * frames they are. Pages are touched in every way; of long stretches of zeros only some.
 */
const char *elf_oracle(const struct loaded *l);
