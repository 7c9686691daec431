/*
 * The root of all: what "/" is once the machine has booted.
 *
 * Each of the calls mounts it (fs/path.h, mount_root()) and is made once, after the disks have
 * been found. What goes below it (devices, processes, archives) is for the caller to mount.
 */
#pragma once

#include "lib/compiler.h"

/* An empty tmpfs. 0 or -ENOMEM. */
must_check int root_mount_memory(void);

/*
 * The EROFS image on the disk of that name, with changes that stay in memory (fs/overlay).
 * -ENODEV: there is no such disk; -EINVAL, -EIO, -ENOMEM: then *reason is one line for the log. What
 * fails leaves nothing mounted.
 */
must_check int root_mount_erofs(const char *disk, const char **reason);
