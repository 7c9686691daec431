/*
 * Who asks: user and groups, as files judge them.
 *
 * A cred is immutable once it is shared; changing it means making another. fs/ is given one
 * and never asks who is running. Files are judged by fsuid and fsgid (credentials(7)).
 */
#pragma once

#include "lib/compiler.h"

#include <stdbool.h>
#include <stdint.h>

enum { CRED_GROUPS = 32 };

struct cred {
    uint32_t refs; /* atomic */
    uint32_t uid, euid, suid, fsuid;
    uint32_t gid, egid, sgid, fsgid;
    uint64_t caps; /* effective: a bit for each CAP_* of uapi/capability.h */
    uint64_t permitted, inheritable, bounding; /* capabilities(7) */
    bool keep_caps;                            /* prctl(PR_SET_KEEPCAPS) */
    uint32_t ngroups;
    uint32_t groups[CRED_GROUPS]; /* supplementary */
};

/* The kernel's own, and what the first program starts with: user 0, all capabilities. */
extern struct cred root_cred;

/* A copy with one reference, to be changed before anybody sees it. NULL: no memory. */
must_check struct cred *cred_copy(const struct cred *c);
static inline void cred_get(struct cred *c)
{
    __atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
}
void cred_put(struct cred *c);

/* Is `gid` the file system group, or a supplementary one? */
bool cred_in_group(const struct cred *c, uint32_t gid);

static inline bool cred_can(const struct cred *c, unsigned cap)
{
    return c->caps >> cap & 1;
}
