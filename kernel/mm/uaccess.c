/*
 * See uaccess.h. The copying is arch's (user_copy.S); here is the check before it, and the
 * answer to the faults that come of it.
 *
 * A number is a program's address if it lies below the end of the user half. Sv39 and Sv48 end
 * at different places, and what lies between there and the kernel is no address at all: one
 * comparison refuses both. Lengths are compared with the room that is left; no sum is
 * formed, so none wraps.
 */
#include "mm/uaccess.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/trap.h"
#include "arch/riscv/user_copy.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/user_range.h"
#include "sched/thread.h"

/* The space whose user half is the program's memory, or NULL. A space of supervisor pages in
 * the lower half is not one: the hardware would not tell its pages from the kernel's. */
static struct aspace *user_space(void)
{
    struct aspace *s = current_thread()->space;

    return likely(s && s->kind == ASPACE_USER) ? s : NULL;
}

static bool is_users(vaddr_t va, size_t len)
{
    debug_assert(preempt_is_on() && irq_enabled());
    return is_user_range(va, len);
}

bool user_range_ok(vaddr_t va, size_t len) { return is_users(va, len); }

bool trap_user_access(vaddr_t va, uint64_t scause)
{
    struct aspace *s = user_space();
    unsigned access = scause == CAUSE_STORE_PAGE ? PROT_W : PROT_R;

    debug_assert(preempt_is_on() && irq_enabled());
    return s && aspace_fault(s, va, access) == FAULT_DONE;
}

/* What a range that is not the program's comes to. */
static int refuse(size_t len) { return len ? -EFAULT : 0; }

int copy_from_user(void *to, vaddr_t from, size_t len)
{
    if (unlikely(!is_users(from, len))) return refuse(len);
    return user_copy((uint64_t)to, from.raw, len);
}

int copy_to_user(vaddr_t to, const void *from, size_t len)
{
    if (unlikely(!is_users(to, len))) return refuse(len);
    return user_copy(to.raw, (uint64_t)from, len);
}

int clear_user(vaddr_t to, size_t len)
{
    if (unlikely(!is_users(to, len))) return refuse(len);
    return user_clear(to, len);
}

long clear_user_some(vaddr_t to, size_t len)
{
    if (unlikely(!is_users(to, len))) return refuse(len);
    return user_clear_some(to, len);
}

long copy_from_user_some(void *to, vaddr_t from, size_t len)
{
    if (unlikely(!is_users(from, len))) return refuse(len);
    return user_copy_some((uint64_t)to, from.raw, len);
}

long copy_to_user_some(vaddr_t to, const void *from, size_t len)
{
    if (unlikely(!is_users(to, len))) return refuse(len);
    return user_copy_some(to.raw, (uint64_t)from, len);
}

frameless long copy_from_buffer_some(void *to, vaddr_t from, size_t len)
{
    debug_assert(is_users(from, len));
    return user_copy_some((uint64_t)to, from.raw, len);
}

frameless long copy_to_buffer_some(vaddr_t to, const void *from, size_t len)
{
    debug_assert(is_users(to, len));
    return user_copy_some(to.raw, (uint64_t)from, len);
}

/* A word that is not aligned: all of it or nothing. */
static noinline int get_bytes(vaddr_t from, void *out, size_t len)
{
    char word[sizeof(uint64_t)];
    int err = copy_from_user(word, from, len);

    if (!err) memcpy(out, word, len);
    return err;
}

int get_user32(vaddr_t from, uint32_t *out)
{
    if (unlikely(from.raw % sizeof(*out))) return get_bytes(from, out, sizeof(*out));
    if (unlikely(!is_users(from, sizeof(*out)))) return -EFAULT;
    return user_load32(from, out);
}

int get_user64(vaddr_t from, uint64_t *out)
{
    if (unlikely(from.raw % sizeof(*out))) return get_bytes(from, out, sizeof(*out));
    if (unlikely(!is_users(from, sizeof(*out)))) return -EFAULT;
    return user_load64(from, out);
}

int put_user32(vaddr_t to, uint32_t value)
{
    if (unlikely(to.raw % sizeof(value))) return copy_to_user(to, &value, sizeof(value));
    if (unlikely(!is_users(to, sizeof(value)))) return -EFAULT;
    return user_store32(to, value);
}

int put_user64(vaddr_t to, uint64_t value)
{
    if (unlikely(to.raw % sizeof(value))) return copy_to_user(to, &value, sizeof(value));
    if (unlikely(!is_users(to, sizeof(value)))) return -EFAULT;
    return user_store64(to, value);
}

static noinline int put_pair_of_bytes(vaddr_t to, uint64_t first, uint64_t second)
{
    const uint64_t both[2] = {first, second};

    return copy_to_user(to, both, sizeof(both));
}

int put_user_pair(vaddr_t to, uint64_t first, uint64_t second)
{
    if (unlikely(to.raw % sizeof(first))) return put_pair_of_bytes(to, first, second);
    if (unlikely(!is_users(to, 2 * sizeof(first)))) return -EFAULT;
    return user_store_pair(to, first, second);
}

/* With preemption off the trap handler brings nothing. */
int try_get_user32(vaddr_t from, uint32_t *out)
{
    if (from.raw % sizeof(*out) || !is_user_range(from, sizeof(*out))) return -EFAULT;
    preempt_off();
    int err = user_load32(from, out);
    preempt_on();
    return err;
}

int cas_user32(vaddr_t at, uint32_t *expected, uint32_t value)
{
    if (at.raw % sizeof(value) || !is_users(at, sizeof(value))) return -EFAULT;
    return user_cas32(at, expected, value);
}

long strncpy_from_user(char *to, vaddr_t from, size_t size)
{
    size_t n = size;

    if (n == 0) return -ENAMETOOLONG;
    if (!is_users(from, 1)) return -EFAULT;
    uint64_t room = (user_space()->end << PAGE_SHIFT) - from.raw;
    if (n > room) n = room;
    long len = user_load_string(to, from, n);
    if (len == (long)n) return n < size ? -EFAULT : -ENAMETOOLONG;
    return len;
}
