/* See user_struct.h. */
#include "syscall/user_struct.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/uaccess.h"

static int expect_zeros(vaddr_t at, uint64_t len)
{
    for (uint64_t done = 0; done < len;) {
        uint8_t bytes[64];
        size_t n = len - done < sizeof(bytes) ? len - done : sizeof(bytes);
        if (copy_from_user(bytes, va_add(at, (int64_t)done), n)) return -EFAULT;
        for (size_t i = 0; i < n; i++) {
            if (bytes[i]) return -E2BIG;
        }
        done += n;
    }
    return 0;
}

int user_struct(void *out, size_t size, vaddr_t at, uint64_t user_size)
{
    size_t both = user_size < size ? user_size : size;
    int err = expect_zeros(va_add(at, (int64_t)both), user_size - both);

    if (err) return err;
    memset(out, 0, size);
    return copy_from_user(out, at, both);
}
