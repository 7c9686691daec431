/*
 * Memory that several programs see: mmap(2) of MAP_SHARED and MAP_ANONYMOUS, shmget(2), memfd_create(2).
 *
 * It is the contents of files without names, of a tmpfs that nobody mounts. So its pages are
 * brought, counted and given back as those of any other file, and who asks what a mapping shows
 * (/proc/PID/maps) finds an inode.
 */
#pragma once

#include "lib/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct cred;
struct inode;
struct object;

/* Once, at boot, when files can be made. 0 or -ENOMEM. */
must_check int shared_memory_init(void);

/* A file of `size` bytes, all zero; one reference. 0, -ENOMEM, -EFBIG. */
must_check int shared_memory_make(uint64_t size, uint32_t mode, const struct cred *who,
                                  struct inode **out);

/* Pages for a mapping; the caller's reference goes with object_put(). 0 or -ENOMEM. */
must_check int shared_memory_create(uint64_t npages, struct object **out);
