/*
 * eventfd(2): a number that writers add to and readers take away.
 */
#pragma once

#include "fs/file.h"

/* flags: EFD_*. 0, -EINVAL or -ENOMEM. */
must_check int eventfd_create(uint32_t initial, unsigned flags, struct file **out);
