/* An EROFS image on a disk. */
#pragma once

#include "lib/compiler.h"

struct blk;
struct erofs_device;

/* For erofs_create(); with its close() the device is gone, and the disk is let alone. NULL: no
 * memory. */
must_check struct erofs_device *erofs_block_create(struct blk *disk);
/* A device that no file system took. */
void erofs_block_destroy(struct erofs_device *device);
