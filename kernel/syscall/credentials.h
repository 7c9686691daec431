/* Changing what the calling task may do. */
#pragma once

#include "lib/compiler.h"

struct cred;

/* Embedded in what a change needs to know. */
struct cred_change {
    /* Changes the copy. What the call returns: negative, and nothing has changed. */
    long (*apply)(struct cred *c, struct cred_change *change);
};

/* Applies it to a copy of the calling task's, which then is its own. Or -ENOMEM. */
must_check long change_cred(struct cred_change *change);
