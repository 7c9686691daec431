/*
 * Character devices: what a device number leads to.
 *
 * A device file is a name and a number; whoever has made the name, and in which file system, the
 * number says which driver opens it.
 */
#pragma once

#include "fs/file.h"

struct char_device {
    const char *name; /* in devfs; "a/b" is b in a directory a */
    uint64_t number;  /* device_number() of the first */
    uint32_t count;   /* minors, from the first on */
    uint32_t mode;    /* permissions of the name that devfs gives; 0: none */
    /* Sets f->ops. 0, or why it cannot be opened. */
    int (*open)(struct inode *i, struct file *f);
    struct char_device *next; /* in the table, which only grows. Atomic. */
};

/* For the life of the kernel. -EBUSY if a number is taken. */
must_check int device_register(struct char_device *d);
/* -ENXIO if nobody has this number. */
must_check int device_open(struct inode *i, struct file *f);
/* The device number `index` in the order of registration, or NULL. */
const struct char_device *device_at(unsigned index);
