/* What system calls are given: buffers, structs that grow, paths. */
// sources: kernel/syscall/user_buffers.c kernel/syscall/user_struct.c kernel/fs/transfer.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c kernel/lib/printf.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/uaccess.c tests/host/fake/mutex.c
// sources: tests/host/fake/grace.c
#include "fake/machine.h"
#include "fake/uaccess.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "syscall/user_buffers.h"
#include "syscall/user_struct.h"
#include "test.h"

static uint64_t bytes_before;

static void begin(void)
{
    fake_machine();
    assert(slab_init() == 0);
    bytes_before = slab_bytes_in_use();
    memset(fake_user, 0, sizeof(fake_user));
    fake_user_end = FAKE_USER_SIZE;
}

static void end(void) { assert(slab_bytes_in_use() == bytes_before); }

static vaddr_t put_pieces(unsigned n, uint64_t base, uint64_t len)
{
    struct buffer_piece *p = (struct buffer_piece *)fake_user;

    for (unsigned i = 0; i < n; i++) {
        p[i] = (struct buffer_piece){base, len};
    }
    return VA(FAKE_USER);
}

TEST(a_buffer_is_in_the_user_half_whatever_its_length)
{
    struct aspace space = {.user_end = FAKE_USER_HALF};
    struct thread program = {.space = &space};
    struct transfer t;

    begin();
    this_context = &program.ctx;
    assert(user_buffer(&t, VA(FAKE_USER), 10) == 0 && t.left == 10);
    assert(user_buffer(&t, VA(0), 0) == 0 && t.left == 0);
    assert(user_buffer(&t, VA(FAKE_USER_HALF), 0) == 0);
    assert(user_buffer(&t, VA(FAKE_USER_HALF), 1) == -EFAULT);
    assert(user_buffer(&t, VA(~0ul), 0) == -EFAULT);
    assert(user_buffer(&t, VA(8), ~0ul) == -EFAULT);
    assert(user_buffer(&t, VA(0), 1ul << 33) == 0 && t.left == IO_MOST);
    program.space = NULL;
    assert(user_buffer(&t, VA(8), 1) == -EFAULT);
    this_context = NULL;
    end();
}

TEST(pieces_are_all_looked_at)
{
    struct buffer_piece *p = (struct buffer_piece *)fake_user;
    struct user_buffers b;

    begin();
    vaddr_t at = put_pieces(3, FAKE_USER, 5);
    assert(user_buffers_get(&b, at, 3) == 0 && b.transfer.left == 15);
    user_buffers_put(&b);
    p[2].len = ~0ul;
    assert(user_buffers_get(&b, at, 3) == -EINVAL);
    p[2].len = FAKE_USER_HALF;
    assert(user_buffers_get(&b, at, 3) == -EFAULT);
    p[2] = (struct buffer_piece){~0ul, 0};
    assert(user_buffers_get(&b, at, 3) == -EFAULT);
    assert(user_buffers_get(&b, at, 2) == 0);
    user_buffers_put(&b);
    assert(user_buffers_get(&b, VA(8), 0) == 0 && b.transfer.left == 0);
    user_buffers_put(&b);
    assert(user_buffers_get(&b, VA(8), 1) == -EFAULT);
    end();
}

TEST(pieces_are_at_most_so_many_and_so_long)
{
    struct user_buffers b;

    begin();
    vaddr_t at = put_pieces(1024, 0, 1ul << 30);
    assert(user_buffers_get(&b, at, 1024) == 0 && b.transfer.left == IO_MOST);
    user_buffers_put(&b);
    assert(user_buffers_get(&b, at, 1025) == -EINVAL);
    assert(user_buffers_get(&b, at, ~0ul) == -EINVAL);
    fake_user_end = 1023 * sizeof(struct buffer_piece);
    assert(user_buffers_get(&b, at, 1024) == -EFAULT);
    page_fail_after(0);
    slab_drain();
    assert(user_buffers_get(&b, at, 900) == -ENOMEM);
    page_fail_never();
    end();
}

TEST(a_struct_may_be_shorter_or_longer_than_ours)
{
    uint64_t s[3];

    begin();
    memset(fake_user, 0x11, 24);
    assert(user_struct(s, 24, VA(FAKE_USER), 24) == 0 && s[2] == 0x1111111111111111ul);
    assert(user_struct(s, 24, VA(FAKE_USER), 12) == 0);
    assert(s[1] == 0x11111111ul && s[2] == 0);
    assert(user_struct(s, 24, VA(FAKE_USER), 4096) == 0);
    fake_user[4095] = 1;
    assert(user_struct(s, 24, VA(FAKE_USER), 4096) == -E2BIG);
    assert(user_struct(s, 24, VA(FAKE_USER), 4095) == 0);
    assert(user_struct(s, 16, VA(FAKE_USER), 24) == -E2BIG);
    fake_user_end = 100;
    assert(user_struct(s, 24, VA(FAKE_USER), 101) == -EFAULT);
    assert(user_struct(s, 24, VA(8), 24) == -EFAULT);
    end();
}
