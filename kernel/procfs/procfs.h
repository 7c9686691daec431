/*
 * /proc: what the system and its processes are, as files.
 *
 *     node.h           the tree: tables of entries, numbers as names, inodes
 *     generated.h      files whose text is made when it is read; text.h: text that grows
 *     procfs.c         the root
 *     system.c         the whole system: meminfo, stat, cpuinfo, ...
 *     sysctl.c         /proc/sys
 *     process_files.c  /proc/PID: the tables, small files, links
 *     facts.h          stat, status: gathered (facts.c), said (process_text.c)
 *     process_memory.c maps, smaps, mem, cmdline, environ
 *     descriptors.c    fd, fdinfo
 *     mounts.c         mounts, mountinfo
 *     sysfs.c          another tree, /sys
 */
#pragma once

#include "lib/compiler.h"

struct devtree;
struct file_system;

/* One reference, to be mounted. `dt` stays. NULL: there is no memory. */
must_check struct file_system *procfs_create(const struct devtree *dt);
/* The little that there is of /sys: sysfs.c. */
must_check struct file_system *sysfs_create(void);
