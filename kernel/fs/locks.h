/*
 * File locks: flock(2), and fcntl(2)'s records, whose owner is a process (POSIX) or an open
 * file (OFD). They bind only those who ask.
 *
 * An owner is a pointer that nobody else has: of POSIX records the process's table of
 * descriptors, of the others the open file. Locks of one owner never conflict: a new one
 * replaces what it overlaps, and that may cut an old one in two.
 *
 *     old     |-------- read --------|
 *     new          |--- write ---|
 *     then    |read|--- write ---|rea|
 */
#pragma once

#include "fs/file.h"

enum lock_type { LOCK_READ, LOCK_WRITE, LOCK_NONE };

/* [start, end): of the whole file, and what it may become, end is LOCK_TO_END. */
static inline bool inode_has_locks(const struct inode *i)
{
    return __atomic_load_n(&i->locks, __ATOMIC_ACQUIRE);
}

#define LOCK_TO_END (1ul << 63)

struct file_lock {
    enum lock_type type;
    bool ofd; /* the owner is a file */
    uint64_t start, end;
    int32_t pid;       /* shown to others: -1 for OFD */
    const void *owner; /* for a question: who asks */
};

/* flock(2): LOCK_SH, LOCK_EX, LOCK_UN, and LOCK_NB. 0; -EWOULDBLOCK is -EAGAIN; -ERESTARTSYS,
 * -ENOMEM, -EINVAL. */
must_check int locks_flock(struct file *f, unsigned operation);

/* F_GETLK: *lock becomes a lock that is in its way, or of type LOCK_NONE. */
void locks_query(struct file *f, struct file_lock *lock);
/* F_SETLK, and with `wait` F_SETLKW: -EAGAIN, -EBADF (not opened so), -ENOMEM, -EDEADLK (owners
 * would wait for each other in a ring), -ERESTARTSYS. */
must_check int locks_set(struct file *f, const struct file_lock *lock, bool wait);

/* The process closes a descriptor of this file: its POSIX records there go, as the standard
 * wants. */
void locks_release(struct inode *i, const void *owner); /* there are some */
static inline void locks_release_owner(struct inode *i, const void *owner)
{
    if (unlikely(inode_has_locks(i))) locks_release(i, owner);
}
/* When f's last reference goes: its flock, its OFD records. */
static inline void locks_release_file(struct file *f)
{
    locks_release_owner(f->inode, f);
}
