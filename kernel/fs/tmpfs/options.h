/*
 * The options of tmpfs(5), as words: size=50%, size=1g, nr_blocks=, nr_inodes=, mode=1777.
 */
#pragma once

#include "fs/tmpfs/tmpfs.h"

/* Changes what is named. `all` is what 100% is, in pages. 0 or -EINVAL: a word is not understood.
 * uid=, gid= and huge= are, and are of no effect. */
must_check int tmpfs_options_parse(const char *words, uint64_t all,
                                   struct tmpfs_options *out);
