/*
 * Mounts made of what is mounted already: mount(2) with MS_BIND, MS_MOVE and MS_REMOUNT.
 */
#pragma once

#include "fs/path.h"

/*
 * What lies below `from` is to be seen at `at`, too; with `recursive`, also what is mounted there.
 * -EINVAL (of no mount), -ENOENT (unlinked), -ENOTDIR, -EBUSY, -ENOMEM: then nothing has changed.
 */
must_check int mount_bind(struct path from, struct path at, bool recursive);
/* The mount that `from` is the root of is to be at `at` instead. -EINVAL (of none, or of
 * another kind), -ELOOP (below itself), -ENOENT, -EBUSY. */
must_check int mount_move(struct path from, struct path at);
/* enum mount_flags of the mount that `at` is the root of. 0 or -EINVAL. */
must_check int mount_change(struct path at, uint32_t flags);
