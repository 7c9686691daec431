/*
 * Pseudo terminals: opening /dev/ptmx makes a pair, whose other end is /dev/pts/N.
 */
#pragma once

#include "fs/inode.h"
#include "tty/tty.h"

enum { PTY_MOST = 1024 };

/* What the name in devpts has, and keeps while it is not looked at. */
struct pty_attributes {
    uint64_t serial; /* never used again; 0: there is no such name */
    uint32_t mode, uid, gid;
    file_time_t time; /* when it was made */
};

/* Of the pty that number `index` names; all zero if there is none. */
struct pty_attributes pty_attributes(unsigned index);
/* Remembers what chmod and chown did, if it is still the same. */
void pty_set_attributes(unsigned index, const struct pty_attributes *a);

/* open(2) of the name: f->ops. -EIO if the master has gone or not unlocked it. */
must_check int pty_open_slave(unsigned index, uint64_t serial, struct file *f);

struct file_system;
/* devpts, for mount_add(): a name for each pty. NULL: no memory. */
must_check struct file_system *devpts_create(void);
