/*
 * Files whose text is made when somebody reads it.
 *
 * The text is made by a read at the beginning, and what follows is read from the same text: so
 * however small the pieces, they fit together. Whoever goes back to the beginning sees
 * the system as it is then.
 */
#pragma once

#include "fs/file.h"
#include "procfs/text.h"

struct generated_ops {
    /* 0, or why there is none. f->cred is who opened the file. NULL: nothing can be read. */
    int (*show)(struct file *f, struct text *t);
    /* What one write(2) brought, less a newline at its end; NUL-terminated. NULL: nothing
     * can be written. */
    int (*store)(struct file *f, char *line);
};

/* For inode_ops.open: sets f->ops. 0 or -ENOMEM. */
must_check int generated_open(struct file *f, const struct generated_ops *ops);
