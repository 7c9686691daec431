/*
 * Storing to the memory of a space that nobody runs yet: upwards, each page brought once and then
 * reached through the direct map.
 *
 * The first error stays, and nothing is stored after it: it is looked at once, at the end.
 */
#pragma once

#include "lib/addr.h"

struct aspace;

struct space_writer {
    struct aspace *space; /* nobody else changes it */
    vaddr_t at;           /* where the next byte goes */
    char *page;           /* the page of the byte before; NULL: none was brought */
    int err;              /* 0, -EFAULT, -ENOMEM */
};

/* The next byte goes to `at`, in any direction. */
void space_writer_seek(struct space_writer *w, vaddr_t at);

/* `at` is a multiple of 8. */
void space_writer_word(struct space_writer *w, uint64_t word);
void space_writer_bytes(struct space_writer *w, const void *from, size_t n);
void space_writer_zeros(struct space_writer *w, size_t n);
