/*
 * Inside of fs/: mounts on their way into the table, for mount.c and bind.c.
 */
#pragma once

#include "fs/path.h"

/* The table; under the lock of the tree. */
extern struct list mounts;

/* What is mounted there, or NULL. With the lock of the tree; or with preemption off, as long as the
 * tree is still. */
static inline struct mount *mount_covering(struct path p)
{
    struct mount *m = __atomic_load_n(&p.dentry->mounts, __ATOMIC_ACQUIRE);

    while (m && __atomic_load_n(&m->parent, __ATOMIC_RELAXED) != p.mount) {
        m = __atomic_load_n(&m->beside, __ATOMIC_ACQUIRE);
    }
    return m;
}

/* A mount in no table yet, of what lies below `root`, whose reference it takes; that of fs is the
 * caller's to give. One reference. NULL: no memory. */
must_check struct mount *mount_make(struct file_system *fs, struct dentry *root,
                                    uint32_t flags, const char *source, const char *type);
/* Never was in the table. */
void mount_discard(struct mount *m);
/*
 * Into the table, on `at`, which m holds from now on; m's reference becomes the table's. -ENOTDIR,
 * -ENOENT (it has been unlinked), -EBUSY (someone was faster): then nothing has changed.
 */
must_check int mount_attach(struct mount *m, struct path at);
/* From the place where it is to `at`: -EINVAL (it is nowhere, or of another
 * kind), -ENOENT, -EBUSY, -ELOOP (below itself). */
must_check int mount_reattach(struct mount *m, struct path at);
