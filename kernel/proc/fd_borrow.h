/*
 * Borrowing a descriptor's file, for the calls that do little else (descriptors.c has the rule).
 */
#pragma once

#include "proc/fdtable_internal.h"
#include "proc/task.h"

/* The file of one of the first numbers, for the time of the call; also what O_PATH opened. NULL:
 * ask fd_begin(). */
static inline struct file *fd_borrow(uint64_t fd)
{
    const struct fd_table *t = current_task()->own_files;
    uint64_t number = (uint64_t)(int)fd;

    if (unlikely(!t || number >= FD_CHUNK)) return NULL;
    return __atomic_load_n(&t->first.file[number], __ATOMIC_RELAXED);
}
