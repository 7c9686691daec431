/*
 * Credentials: users, groups and capabilities of the calling task.
 *
 * A cred is never changed once others can see it. Each call that changes one copies it, changes the
 * copy by one of the functions here, and hands it over (change_cred()); a change that is refused
 * throws the copy away. Numbers are 32 bits, and -1 stands for "as it is".
 *
 * User numbers carry capabilities along, as capabilities(7) says: who leaves user 0 loses them.
 */
#include "fs/cred.h"

#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/family.h"
#include "proc/task.h"
#include "syscall/credentials.h"
#include "syscall/linux.h"
#include "uapi/capability.h"

#define SAME (~0u)

/* Those that go with the file system user. */
#define FS_CAPS                                                                \
    (1ul << CAP_CHOWN | 1ul << CAP_DAC_OVERRIDE | 1ul << CAP_DAC_READ_SEARCH | \
     1ul << CAP_FOWNER | 1ul << CAP_FSETID | 1ul << CAP_MKNOD)

long change_cred(struct cred_change *change)
{
    struct cred *c = cred_copy(current_cred());

    if (!c) return -ENOMEM;
    long result = change->apply(c, change);
    if (result < 0) {
        cred_put(c);
        return result;
    }
    task_set_cred(c);
    return result;
}

/* ---- What user 0 carries along. ---- */

static bool any_root(const struct cred *c)
{
    return c->uid == 0 || c->euid == 0 || c->suid == 0;
}

static void set_fsuid(struct cred *c, uint32_t uid)
{
    if (c->fsuid == 0 && uid != 0) c->caps &= ~FS_CAPS;
    if (c->fsuid != 0 && uid == 0) c->caps |= c->permitted & FS_CAPS;
    c->fsuid = uid;
}

static void set_uids(struct cred *c, uint32_t uid, uint32_t euid, uint32_t suid)
{
    bool was_root = any_root(c), was_effective = c->euid == 0;

    c->uid = uid;
    c->euid = euid;
    c->suid = suid;
    set_fsuid(c, euid);
    if (was_root && !any_root(c) && !c->keep_caps) c->permitted = c->caps = 0;
    if (was_effective && euid != 0) c->caps = 0;
    if (!was_effective && euid == 0) c->caps = c->permitted;
}

static void set_gids(struct cred *c, uint32_t gid, uint32_t egid, uint32_t sgid)
{
    c->gid = gid;
    c->egid = c->fsgid = egid;
    c->sgid = sgid;
}

/* ---- Users and groups: the same rules, told apart by a capability. ---- */

/* Real, effective and saved, of the one or the other. */
struct ids {
    uint32_t real, effective, saved;
};

static bool is_one_of(uint32_t id, const struct ids *ids)
{
    return id == ids->real || id == ids->effective || id == ids->saved;
}

/* setuid(2): all of them for who may, else the effective one. */
static int set_one(struct ids *ids, const uint32_t *want, bool may)
{
    if (want[0] == SAME) return -EINVAL;
    if (may) {
        *ids = (struct ids){want[0], want[0], want[0]};
        return 0;
    }
    if (want[0] != ids->real && want[0] != ids->saved) return -EPERM;
    ids->effective = want[0];
    return 0;
}

/* setreuid(2) */
static int set_two(struct ids *ids, const uint32_t *want, bool may)
{
    const struct ids was = *ids;
    uint32_t real = want[0], effective = want[1];

    if (!may && real != SAME && real != was.real && real != was.effective) return -EPERM;
    if (!may && effective != SAME && !is_one_of(effective, &was)) return -EPERM;
    if (real != SAME) ids->real = real;
    if (effective != SAME) ids->effective = effective;
    if (real != SAME || (effective != SAME && effective != was.real))
        ids->saved = ids->effective;
    return 0;
}

/* setresuid(2) */
static int set_three(struct ids *ids, const uint32_t *want, bool may)
{
    const struct ids was = *ids;
    uint32_t *to[] = {&ids->real, &ids->effective, &ids->saved};

    for (unsigned i = 0; i < 3; i++) {
        if (want[i] == SAME) continue;
        if (!may && !is_one_of(want[i], &was)) return -EPERM;
        *to[i] = want[i];
    }
    return 0;
}

struct ids_change {
    struct cred_change change;
    int (*set)(struct ids *ids, const uint32_t *want, bool may);
    uint32_t want[3];
};

static long apply_uids(struct cred *c, struct cred_change *change)
{
    struct ids_change *i = container_of(change, struct ids_change, change);
    struct ids ids = {c->uid, c->euid, c->suid};
    int err = i->set(&ids, i->want, cred_can(c, CAP_SETUID));

    if (!err) set_uids(c, ids.real, ids.effective, ids.saved);
    return err;
}

static long apply_gids(struct cred *c, struct cred_change *change)
{
    struct ids_change *i = container_of(change, struct ids_change, change);
    struct ids ids = {c->gid, c->egid, c->sgid};
    int err = i->set(&ids, i->want, cred_can(c, CAP_SETGID));

    if (!err) set_gids(c, ids.real, ids.effective, ids.saved);
    return err;
}

static long change_ids(long (*apply)(struct cred *, struct cred_change *),
                       int (*set)(struct ids *, const uint32_t *, bool), uint64_t a,
                       uint64_t b, uint64_t c)
{
    struct ids_change change = {{apply}, set, {(uint32_t)a, (uint32_t)b, (uint32_t)c}};

    return change_cred(&change.change);
}

long sys_setuid(uint64_t uid) { return change_ids(apply_uids, set_one, uid, 0, 0); }
long sys_setgid(uint64_t gid) { return change_ids(apply_gids, set_one, gid, 0, 0); }

long sys_setreuid(uint64_t real, uint64_t effective)
{
    return change_ids(apply_uids, set_two, real, effective, 0);
}
long sys_setregid(uint64_t real, uint64_t effective)
{
    return change_ids(apply_gids, set_two, real, effective, 0);
}

long sys_setresuid(uint64_t real, uint64_t effective, uint64_t saved)
{
    return change_ids(apply_uids, set_three, real, effective, saved);
}
long sys_setresgid(uint64_t real, uint64_t effective, uint64_t saved)
{
    return change_ids(apply_gids, set_three, real, effective, saved);
}

/* These answer with what it was, whether they change it or not. */
static long apply_fsuid(struct cred *c, struct cred_change *change)
{
    uint32_t want = container_of(change, struct ids_change, change)->want[0];
    const struct ids ids = {c->uid, c->euid, c->suid};
    uint32_t was = c->fsuid;
    bool may = cred_can(c, CAP_SETUID) || is_one_of(want, &ids);

    if (want != SAME && may) set_fsuid(c, want);
    return was;
}

static long apply_fsgid(struct cred *c, struct cred_change *change)
{
    uint32_t want = container_of(change, struct ids_change, change)->want[0];
    const struct ids ids = {c->gid, c->egid, c->sgid};
    uint32_t was = c->fsgid;
    bool may = cred_can(c, CAP_SETGID) || is_one_of(want, &ids);

    if (want != SAME && may) c->fsgid = want;
    return was;
}

long sys_setfsuid(uint64_t uid) { return change_ids(apply_fsuid, NULL, uid, 0, 0); }
long sys_setfsgid(uint64_t gid) { return change_ids(apply_fsgid, NULL, gid, 0, 0); }

long sys_getuid(void) { return current_cred()->uid; }
long sys_geteuid(void) { return current_cred()->euid; }
long sys_getgid(void) { return current_cred()->gid; }
long sys_getegid(void) { return current_cred()->egid; }

static long put_ids(const struct ids *ids, vaddr_t real, vaddr_t effective, vaddr_t saved)
{
    int err = put_user32(real, ids->real);

    if (!err) err = put_user32(effective, ids->effective);
    return err ? err : put_user32(saved, ids->saved);
}

long sys_getresuid(vaddr_t real, vaddr_t effective, vaddr_t saved)
{
    const struct cred *c = current_cred();
    const struct ids ids = {c->uid, c->euid, c->suid};

    return put_ids(&ids, real, effective, saved);
}

long sys_getresgid(vaddr_t real, vaddr_t effective, vaddr_t saved)
{
    const struct cred *c = current_cred();
    const struct ids ids = {c->gid, c->egid, c->sgid};

    return put_ids(&ids, real, effective, saved);
}

/* ---- Supplementary groups. ---- */

long sys_getgroups(uint64_t n, vaddr_t list)
{
    const struct cred *c = current_cred();

    if ((int)n < 0) return -EINVAL;
    if ((int)n == 0) return c->ngroups;
    if ((uint32_t)n < c->ngroups) return -EINVAL;
    if (copy_to_user(list, c->groups, c->ngroups * sizeof(c->groups[0]))) return -EFAULT;
    return c->ngroups;
}

struct groups_change {
    struct cred_change change;
    uint32_t n;
    vaddr_t list;
};

static long apply_groups(struct cred *c, struct cred_change *change)
{
    struct groups_change *g = container_of(change, struct groups_change, change);

    c->ngroups = g->n;
    return copy_from_user(c->groups, g->list, g->n * sizeof(c->groups[0]));
}

long sys_setgroups(uint64_t n, vaddr_t list)
{
    struct groups_change g = {{apply_groups}, (uint32_t)n, list};

    if (!cred_can(current_cred(), CAP_SETGID)) return -EPERM;
    return g.n > CRED_GROUPS ? -EINVAL : change_cred(&g.change);
}

/* ---- Capabilities. ---- */

struct cap_header {
    uint32_t version;
    int32_t pid;
};
struct cap_data {
    uint32_t effective, permitted, inheritable;
};

/* How many cap_data a version has; 0: it is unknown, and the program is told which is best. */
static long version_words(vaddr_t header, uint32_t version)
{
    switch (version) {
    case CAP_VERSION_1:
        return 1;
    case CAP_VERSION_2:
    case CAP_VERSION_3:
        return 2;
    default:
        return put_user32(header, CAP_VERSION_3) ? -EFAULT : 0;
    }
}

/* What a task of another process may do, or of ours. 0 or -ESRCH. */
static int caps_of(int tid, struct cap_data data[2])
{
    struct process *p = process_find_by_task(tid);
    int err = -ESRCH;

    if (!p) return err;
    spin_lock(&p->lock, RANK_PROCESS);
    const struct task *t = process_task(p, tid);
    for (unsigned i = 0; t && i < 2; i++) {
        data[i].effective = (uint32_t)(t->cred->caps >> 32 * i);
        data[i].permitted = (uint32_t)(t->cred->permitted >> 32 * i);
        data[i].inheritable = (uint32_t)(t->cred->inheritable >> 32 * i);
        err = 0;
    }
    spin_unlock(&p->lock, RANK_PROCESS);
    process_put(p);
    return err;
}

long sys_capget(vaddr_t header, vaddr_t data)
{
    struct cap_data caps[2];
    struct cap_header h;

    if (copy_from_user(&h, header, sizeof(h))) return -EFAULT;
    long words = version_words(header, h.version);
    if (words < 0) return words;
    if (!data.raw) return 0;
    if (words == 0 || h.pid < 0) return -EINVAL;
    int err = caps_of(h.pid ? h.pid : current_task()->tid, caps);
    return err ? err : copy_to_user(data, caps, (size_t)words * sizeof(caps[0]));
}

struct caps_change {
    struct cred_change change;
    uint64_t effective, permitted, inheritable;
};

/* Nobody gets more than is permitted already; what is inherited may be what is permitted, too, and
 * anything within the bounds for who has CAP_SETPCAP. */
static long apply_caps(struct cred *c, struct cred_change *change)
{
    struct caps_change *n = container_of(change, struct caps_change, change);
    uint64_t inherits = c->inheritable | c->permitted;

    if (cred_can(c, CAP_SETPCAP)) inherits = c->inheritable | c->bounding;
    if (n->inheritable & ~inherits) return -EPERM;
    if (n->permitted & ~c->permitted || n->effective & ~n->permitted) return -EPERM;
    c->caps = n->effective;
    c->permitted = n->permitted;
    c->inheritable = n->inheritable;
    return 0;
}

static uint64_t wide(uint32_t low, uint32_t high)
{
    return (low | (uint64_t)high << 32) & root_cred.bounding;
}

long sys_capset(vaddr_t header, vaddr_t data)
{
    struct cap_data d[2] = {0};
    struct cap_header h;

    if (copy_from_user(&h, header, sizeof(h))) return -EFAULT;
    long words = version_words(header, h.version);
    if (words <= 0) return words ? words : -EINVAL;
    if (h.pid != 0 && h.pid != current_task()->tid) return -EPERM;
    if (copy_from_user(d, data, (size_t)words * sizeof(d[0]))) return -EFAULT;

    struct caps_change change = {
        {apply_caps},
        .effective = wide(d[0].effective, d[1].effective),
        .permitted = wide(d[0].permitted, d[1].permitted),
        .inheritable = wide(d[0].inheritable, d[1].inheritable),
    };
    return change_cred(&change.change);
}
