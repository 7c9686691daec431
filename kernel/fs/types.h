/*
 * Kinds of file systems that mount(2) knows, by name.
 */
#pragma once

#include "fs/inode.h"

struct file_system_type {
    const char *name;
    bool needs_device; /* `source` is one; /proc/filesystems shows others as "nodev" */
    /* For mount_add(), or file_system_abandon(). `options` are words with commas between; "": none.
     * 0, -ENOMEM, -EINVAL (options that are not understood), or why there is none. */
    int (*create)(const char *source, const char *options, struct file_system **out);
    struct list link; /* under the lock of the tree */
};

/* For the life of the kernel. */
void file_system_type_register(struct file_system_type *t);
/* NULL: there is none of this name, or not so many. */
struct file_system_type *file_system_type_find(const char *name);
struct file_system_type *file_system_type_at(unsigned index);
