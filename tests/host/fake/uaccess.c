/* See uaccess.h. */
#include "fake/uaccess.h"

#include "arch/riscv/hart.h"
#include "lib/errno.h"
#include "mm/uaccess.h"

#include <string.h>

char fake_user[FAKE_USER_SIZE];
size_t fake_user_end = FAKE_USER_SIZE;

/* How many of `len` bytes at va are there. */
static size_t there(vaddr_t va, size_t len)
{
    uint64_t offset = va.raw - FAKE_USER;

    assert(this_hart()->ranks == 0 && preempt_is_on());
    if (va.raw < FAKE_USER || offset >= fake_user_end) return 0;
    return len < fake_user_end - offset ? len : fake_user_end - offset;
}

static char *at(vaddr_t va) { return fake_user + (va.raw - FAKE_USER); }

bool user_range_ok(vaddr_t va, size_t len)
{
    return va.raw <= FAKE_USER_HALF && len <= FAKE_USER_HALF - va.raw;
}

long copy_from_user_some(void *to, vaddr_t from, size_t len)
{
    size_t n = there(from, len);

    memcpy(to, at(from), n);
    return len && !n ? -EFAULT : (long)n;
}

long copy_to_user_some(vaddr_t to, const void *from, size_t len)
{
    size_t n = there(to, len);

    memcpy(at(to), from, n);
    return len && !n ? -EFAULT : (long)n;
}

long copy_from_buffer_some(void *to, vaddr_t from, size_t len)
{
    assert(user_range_ok(from, len));
    return copy_from_user_some(to, from, len);
}

long copy_to_buffer_some(vaddr_t to, const void *from, size_t len)
{
    assert(user_range_ok(to, len));
    return copy_to_user_some(to, from, len);
}

long clear_user_some(vaddr_t to, size_t len)
{
    size_t n = there(to, len);

    memset(at(to), 0, n);
    return len && !n ? -EFAULT : (long)n;
}

int clear_user(vaddr_t to, size_t len)
{
    if (there(to, len) < len) return -EFAULT;
    memset(at(to), 0, len);
    return 0;
}

int copy_from_user(void *to, vaddr_t from, size_t len)
{
    return there(from, len) < len || copy_from_user_some(to, from, len) < 0 ? -EFAULT : 0;
}

int copy_to_user(vaddr_t to, const void *from, size_t len)
{
    return there(to, len) < len || copy_to_user_some(to, from, len) < 0 ? -EFAULT : 0;
}

int get_user32(vaddr_t from, uint32_t *out)
{
    return copy_from_user(out, from, sizeof(*out));
}

int put_user32(vaddr_t to, uint32_t value)
{
    return copy_to_user(to, &value, sizeof(value));
}

int put_user_pair(vaddr_t to, uint64_t first, uint64_t second)
{
    const uint64_t both[2] = {first, second};

    return copy_to_user(to, both, sizeof(both));
}
