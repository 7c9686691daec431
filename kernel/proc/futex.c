/*
 * See futex.h.
 *
 * Who waits stands in one of BUCKETS lists, chosen by what identifies the word:
 *
 *     who waits                                  who wakes
 *       locks the bucket                           has stored another value before
 *         enters the list; fence                   fence; nobody on the list: done
 *         reads the word                           locks the bucket
 *         another value: leaves the list             takes waiters of the word off the list
 *       unlocks                                      and wakes them
 *       sleeps until it is woken, ...              unlocks
 *       locks the bucket, leaves the list
 *
 * No wake-up is lost. If the waker comes to the lock first, the waiter reads the word afterwards
 * and sees the new value. If the waiter does, the waker finds it on the list, and a wake-up
 * that comes before it sleeps is kept for it (sched/thread.h). Who looks at a list without
 * the lock, and finds it empty, has stored before what the waiter reads after it entered.
 *
 * The word is read with the lock held, so nothing can be brought then. Where it is not there,
 * the waiter unlocks, has it brought, and begins again.
 *
 * Whoever is requeued changes its bucket under the locks of both; so the waiter, when it
 * leaves, looks again whether what it has locked is still its bucket. It leaves under the lock in
 * any case: then nobody who woke it looks at it any more.
 *
 * Locks: bucket.lock (RANK_FUTEX), of two the one with the lower address first.
 */
#include "proc/futex.h"

#include "lib/errno.h"
#include "mm/aspace.h"
#include "mm/uaccess.h"
#include "proc/signal.h"
#include "proc/task.h"
#include "uapi/futex.h"

/* What a word is known by. */
struct name {
    const void *where; /* a space, or an object */
    uint64_t offset;   /* the address, or bytes in the object */
};

struct key {
    struct name name;
    struct object *object; /* held, or NULL */
};

enum { BUCKET_BITS = 8, BUCKETS = 1 << BUCKET_BITS };

static struct bucket {
    struct spinlock lock; /* RANK_FUTEX */
    struct list
        waiters; /* struct futex_waiter; NULL links: there never was one. Under lock. */
} cache_aligned buckets[BUCKETS];

struct futex_waiter {
    struct bucket *bucket; /* changes under the locks of both. Atomic. */
    /* Under bucket->lock. */
    struct list link;
    struct key key;
    bool woken; /* atomic: read without the lock, too */

    uint32_t bits;         /* set once */
    struct thread *thread; /* set once */
};

/* ---- Words and buckets. ---- */

static noinline int key_of_shared(struct aspace *s, struct futex_word word,
                                  struct key *out)
{
    struct mapping m;

    if (!aspace_get_mapping(s, range_of(va_floor(word.at), 1), &m)) return -EFAULT;
    if (!m.tag.object || !(m.tag.flags & TAG_SHARED)) {
        mapping_put(&m); /* private memory: the key is the address */
        return 0;
    }
    out->name.where = out->object = m.tag.object;
    out->name.offset = (mapping_index(&m, word.at) << PAGE_SHIFT) + va_offset(word.at);
    return 0;
}

static int check_word(const struct aspace *s, struct futex_word word)
{
    if (word.at.raw % sizeof(uint32_t)) return -EINVAL;
    return word.at.raw >= s->end << PAGE_SHIFT ? -EFAULT : 0;
}

static always_inline int key_get(struct futex_word word, struct key *out)
{
    struct aspace *s = process_space(current_process());
    int err = check_word(s, word);

    *out = (struct key){{s, word.at.raw}, NULL};
    return err || word.private ? err : key_of_shared(s, word, out);
}

static void key_put(struct key *k)
{
    if (unlikely(k->object)) object_put(k->object);
}

static bool is_same(struct name a, struct name b)
{
    return a.where == b.where && a.offset == b.offset;
}

static struct bucket *bucket_of(struct name name)
{
    uint32_t n = (uint32_t)(((uint64_t)name.where >> 6) + (name.offset >> 2));

    return &buckets[n * 0x9e3779b1u >> (32 - BUCKET_BITS)];
}

static void lock(struct bucket *b)
{
    spin_lock(&b->lock, RANK_FUTEX);
    if (!b->waiters.next) list_init(&b->waiters);
}

static void unlock(struct bucket *b) { spin_unlock(&b->lock, RANK_FUTEX); }

/* Two, which may be one. */
static void lock_both(struct bucket *a, struct bucket *b)
{
    struct bucket *first = a < b ? a : b, *second = a < b ? b : a;

    lock(first);
    if (first == second) return;
    spin_acquire(&second->lock);
    if (!second->waiters.next) list_init(&second->waiters);
}

static void unlock_both(struct bucket *a, struct bucket *b)
{
    struct bucket *first = a < b ? a : b, *second = a < b ? b : a;

    if (first != second) spin_release(&second->lock);
    unlock(first);
}

static struct bucket *lock_bucket_of(const struct futex_waiter *w)
{
    for (;;) {
        struct bucket *b = __atomic_load_n(&w->bucket, __ATOMIC_RELAXED);
        lock(b);
        if (__atomic_load_n(&w->bucket, __ATOMIC_RELAXED) == b) return b;
        unlock(b);
    }
}

/* ---- Waiting. ---- */

static void enter(struct bucket *b, struct futex_waiter *w)
{
    __atomic_store_n(&w->bucket, b, __ATOMIC_RELAXED);
    list_push_back(&b->waiters, &w->link);
}

/* Enters the list if the word has this value: 0, -EAGAIN, -EFAULT. */
static int enter_if(struct futex_waiter *w, vaddr_t at, uint32_t value)
{
    struct bucket *b = bucket_of(w->key.name);
    uint32_t now;

    for (;;) {
        lock(b);
        enter(b, w);
        __atomic_thread_fence(__ATOMIC_SEQ_CST); /* with somebody_waits() */
        int err = try_get_user32(at, &now);
        if (err || now != value) list_remove(&w->link);
        unlock(b);
        if (!err) return now == value ? 0 : -EAGAIN;
        err = get_user32(at, &now);
        if (err) return err;
    }
}

static bool is_woken(const struct futex_waiter *w)
{
    return __atomic_load_n(&w->woken, __ATOMIC_ACQUIRE);
}

/* Until it is woken, or should not wait on: that, or 0. */
static int sleep(struct futex_waiter *w, uint64_t deadline_ns)
{
    do {
        thread_prepare_to_block();
        if (is_woken(w)) break;
        if (signal_pending()) return -ERESTARTSYS;
        if (deadline_ns == FUTEX_NO_DEADLINE) {
            thread_block();
        } else if (!thread_block_until(deadline_ns)) {
            return -ETIMEDOUT;
        }
    } while (!is_woken(w));
    thread_cancel_block();
    return 0;
}

int futex_wait(struct futex_word word, uint32_t value, uint32_t bits,
               uint64_t deadline_ns)
{
    struct futex_waiter w;
    int err = key_get(word, &w.key);

    if (err) return err;
    w.woken = false;
    w.bits = bits;
    w.thread = current_thread();
    err = enter_if(&w, word.at, value);
    if (!err) {
        err = sleep(&w, deadline_ns);
        struct bucket *b = lock_bucket_of(&w);
        if (w.woken) err = 0; /* in the last moment, perhaps: that counts */
        list_remove(&w.link);
        unlock(b);
    }
    key_put(&w.key);
    return err;
}

/* ---- Waking. ---- */

/* `w` is on a list, the lock of its bucket held: its thread takes that before it goes. */
static void wake(struct futex_waiter *w)
{
    list_remove(&w->link);
    __atomic_store_n(&w->woken, true, __ATOMIC_RELEASE);
    thread_wake(w->thread);
}

/* At most n, but one of those that there are even if n is less: so Linux answers. */
static int wake_some(struct bucket *b, struct name name, int n, uint32_t bits)
{
    struct list *it, *next;
    int woken = 0;

    list_for_each_safe (it, next, &b->waiters) {
        struct futex_waiter *w = list_entry(it, struct futex_waiter, link);
        if (!is_same(w->key.name, name) || !(w->bits & bits)) continue;
        wake(w);
        if (++woken >= n) break;
    }
    return woken;
}

/* Or is about to read the word, and will see what the caller has stored. */
static bool somebody_waits(const struct bucket *b)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    interleave("waiters", b);
    const struct list *first = __atomic_load_n(&b->waiters.next, __ATOMIC_RELAXED);
    return first && first != &b->waiters;
}

static noinline long wake_waiters(struct bucket *b, struct name name, int n,
                                  uint32_t bits)
{
    lock(b);
    long woken = wake_some(b, name, n, bits);
    spin_unlock_to_work(&b->lock, RANK_FUTEX);
    return woken;
}

static noinline long wake_shared(struct futex_word word, int n, uint32_t bits)
{
    struct key key;
    int err = key_get(word, &key);

    if (err) return err;
    long woken = wake_waiters(bucket_of(key.name), key.name, n, bits);
    key_put(&key);
    return woken;
}

frameless long futex_wake(struct futex_word word, int n, uint32_t bits)
{
    struct aspace *s = process_space(current_process());

    if (!word.private) return wake_shared(word, n, bits);
    int err = check_word(s, word);
    if (err) return err;
    const struct name name = {s, word.at.raw};
    struct bucket *b = bucket_of(name);
    return somebody_waits(b) ? wake_waiters(b, name, n, bits) : 0;
}

/* Both words' keys, or none. */
static int get_keys(struct futex_word a, struct futex_word b, struct key *a_key,
                    struct key *b_key)
{
    int err = key_get(a, a_key);

    if (err) return err;
    err = key_get(b, b_key);
    if (err) key_put(a_key);
    return err;
}

/* Locks both buckets if `word` has the value, or none is given: 0, -EAGAIN, -EFAULT. */
static int lock_both_if(struct bucket *a, struct bucket *b, vaddr_t word,
                        const uint32_t *value)
{
    uint32_t now;

    for (;;) {
        lock_both(a, b);
        int err = value ? try_get_user32(word, &now) : 0;
        if (!err && (!value || now == *value)) return 0;
        unlock_both(a, b);
        if (!err) return -EAGAIN;
        err = get_user32(word, &now);
        if (err) return err;
    }
}

/* `w` waits for another word. The caller holds both keys, so none is let go here for good. */
static void move(struct futex_waiter *w, struct bucket *to, const struct key *key)
{
    list_remove(&w->link);
    key_put(&w->key);
    w->key = *key;
    if (key->object) object_get(key->object);
    enter(to, w);
}

static long requeue_locked(const struct key *from, const struct key *to, int wakes,
                           int moves)
{
    struct bucket *a = bucket_of(from->name), *b = bucket_of(to->name);
    struct list *it, *next;
    long n = 0;

    if (is_same(from->name, to->name)) moves = 0; /* they stay where they are */
    list_for_each_safe (it, next, &a->waiters) {
        struct futex_waiter *w = list_entry(it, struct futex_waiter, link);
        if (n >= (long)wakes + moves) break;
        if (!is_same(w->key.name, from->name)) continue;
        if (n < wakes) {
            wake(w);
        } else {
            move(w, b, to);
        }
        n++;
    }
    return n;
}

long futex_requeue(struct futex_word from, struct futex_word to, int wakes, int moves,
                   const uint32_t *value)
{
    struct key a, b;

    if (wakes < 0 || moves < 0) return -EINVAL;
    long n = get_keys(from, to, &a, &b);
    if (n) return n;
    n = lock_both_if(bucket_of(a.name), bucket_of(b.name), from.at, value);
    if (n == 0) {
        n = requeue_locked(&a, &b, wakes, moves);
        unlock_both(bucket_of(a.name), bucket_of(b.name));
    }
    key_put(&a);
    key_put(&b);
    return n;
}

/* The lower 12 bits of x, with sign. */
static int32_t signed12(uint32_t x) { return (int32_t)(x << 20) >> 20; }

/* What FUTEX_WAKE_OP makes of a word: 0 or -ENOSYS. */
static int operate(uint32_t op, uint32_t old, uint32_t *out)
{
    uint32_t arg = (uint32_t)signed12(op >> 12);

    if (op >> 28 & FUTEX_OP_SHIFTED) arg = 1u << (arg & 31);
    switch (op >> 28 & 7) {
    case FUTEX_OP_SET:
        *out = arg;
        return 0;
    case FUTEX_OP_ADD:
        *out = old + arg;
        return 0;
    case FUTEX_OP_OR:
        *out = old | arg;
        return 0;
    case FUTEX_OP_ANDN:
        *out = old & ~arg;
        return 0;
    case FUTEX_OP_XOR:
        *out = old ^ arg;
        return 0;
    default:
        return -ENOSYS;
    }
}

/* Is the old value such that the second word is woken, too? 0, 1, or -ENOSYS. */
static int compare(uint32_t op, uint32_t value)
{
    int32_t arg = signed12(op), old = (int32_t)value;

    switch (op >> 24 & 15) {
    case FUTEX_CMP_EQ:
        return old == arg;
    case FUTEX_CMP_NE:
        return old != arg;
    case FUTEX_CMP_LT:
        return old < arg;
    case FUTEX_CMP_LE:
        return old <= arg;
    case FUTEX_CMP_GT:
        return old > arg;
    case FUTEX_CMP_GE:
        return old >= arg;
    default:
        return -ENOSYS;
    }
}

/* Changes the word in one step, and compares what it was. */
static int change_and_compare(vaddr_t at, uint32_t op)
{
    uint32_t old, seen, new;
    int err = get_user32(at, &old);

    for (; !err; old = seen) {
        err = operate(op, old, &new);
        seen = old;
        if (!err) err = cas_user32(at, &seen, new);
        if (!err && seen == old) return compare(op, old);
    }
    return err;
}

/* To those who wait, the change is a store of this program like any other that comes before a
 * wake-up: it needs no lock. */
long futex_wake_op(struct futex_word first, struct futex_word second, int wakes,
                   int wakes_second, uint32_t op)
{
    struct key a, b;
    long n = get_keys(first, second, &a, &b);

    if (n) return n;
    int both = change_and_compare(second.at, op);
    if (both >= 0) {
        lock_both(bucket_of(a.name), bucket_of(b.name));
        n = wake_some(bucket_of(a.name), a.name, wakes, FUTEX_ANY_BIT);
        if (both) n += wake_some(bucket_of(b.name), b.name, wakes_second, FUTEX_ANY_BIT);
        unlock_both(bucket_of(a.name), bucket_of(b.name));
    }
    key_put(&a);
    key_put(&b);
    return both < 0 ? both : n;
}

/* ---- Who leaves. ---- */

enum { ROBUST_MOST = 2048 }; /* a list may be a ring, or be made to look like one */

static void wake_one(vaddr_t at)
{
    futex_wake((struct futex_word){at, false}, 1, FUTEX_ANY_BIT);
}

/* The lock at `at` has lost its owner, if that is `tid`. False if it cannot be looked at. */
static bool disown(vaddr_t at, uint32_t tid, bool pending)
{
    uint32_t word, seen;

    if (at.raw % sizeof(word) || get_user32(at, &word)) return false;
    if (pending && word == 0) {
        wake_one(at); /* unlocked, and perhaps nobody has been woken yet */
        return true;
    }
    for (; (word & FUTEX_TID_MASK) == tid; word = seen) {
        seen = word;
        if (cas_user32(at, &seen, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
            return false;
        if (seen != word) continue;
        if (word & FUTEX_WAITERS) wake_one(at);
        break;
    }
    return true;
}

/* Bit 0 of a pointer in the list says that the lock inherits priorities: there are none here. */
static vaddr_t lock_of(uint64_t entry, const struct robust_list_head *head)
{
    return VA((entry & ~1ul) + (uint64_t)head->futex_offset);
}

static void disown_all(vaddr_t list, uint32_t tid)
{
    struct robust_list_head head;
    uint64_t entry, next;

    if (copy_from_user(&head, list, sizeof(head))) return;
    entry = head.next;
    for (unsigned n = 0; n < ROBUST_MOST && (entry & ~1ul) != list.raw; n++) {
        bool more = get_user64(VA(entry & ~1ul), &next) == 0;
        /* The one that was about to be taken or let go may be in the list, or not. */
        if (entry != head.pending && !disown(lock_of(entry, &head), tid, false)) return;
        if (!more) return;
        entry = next;
    }
    if (head.pending) disown(lock_of(head.pending, &head), tid, true);
}

/* Does anybody else see the program's memory? */
static bool is_shared(struct process *p)
{
    return __atomic_load_n(&p->nthreads, __ATOMIC_RELAXED) > 1 ||
           __atomic_load_n(&p->program->refs, __ATOMIC_RELAXED) > 1;
}

void futex_task_leaves(struct task *t)
{
    vaddr_t list = t->robust_list, tid = t->clear_child_tid;

    t->robust_list = t->clear_child_tid = VA(0);
    if (list.raw) disown_all(list, (uint32_t)t->tid);
    if (tid.raw && is_shared(t->process) && put_user32(tid, 0) == 0) wake_one(tid);
}
