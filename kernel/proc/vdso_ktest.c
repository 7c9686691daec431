#include "proc/vdso.h"

#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "proc/wall.h"
#include "sched/timer.h"
#include "uapi/vdso_data.h"

static struct range page_at(vaddr_t va)
{
    return (struct range){va, va_add(va, PAGE_SIZE)};
}

static void read_data(struct aspace *s, vaddr_t base, struct vdso_data *out)
{
    assert(aspace_read(s, va_add(base, -PAGE_SIZE), out, sizeof(*out)) == 0);
}

static vaddr_t map_at(struct aspace *s, vaddr_t start)
{
    struct mapping_piece pieces[VDSO_PIECES];
    vaddr_t base = vdso_pieces(start, pieces);

    assert(aspace_map_pieces(s, pieces, VDSO_PIECES) == 0);
    return base;
}

KTEST(the_vdso_is_an_elf_object_that_nobody_writes)
{
    struct aspace *s = aspace_create(ASPACE_USER);
    uint32_t code[2];
    char magic[4];

    assert(s);
    vaddr_t base = map_at(s, VA(0x200000));
    assert(base.raw == 0x201000);
    assert(aspace_read(s, base, magic, sizeof(magic)) == 0);
    assert(memcmp(magic, "\177ELF", sizeof(magic)) == 0);
    assert(aspace_read(s, vdso_sigreturn(base), code, sizeof(code)) == 0);
    assert(code[0] == 0x08b00893 && code[1] == 0x00000073); /* li a7, 139; ecall */
    assert(aspace_fault(s, base, PROT_X) == FAULT_DONE);
    assert(aspace_fault(s, va_add(base, -PAGE_SIZE), PROT_W) == FAULT_ACCERR);
    assert(aspace_protect(s, page_at(base), PROT_RW) == -EACCES);
    aspace_destroy(s);
}

KTEST(the_vdso_tells_the_same_time_as_the_kernel)
{
    struct aspace *s = aspace_create(ASPACE_USER);
    int64_t before = clock_wall_ns();
    struct vdso_data data;

    assert(s);
    vaddr_t base = map_at(s, VA(0x3ff000)); /* in two leaf tables */
    read_data(s, base, &data);
    for (uint64_t ticks = 1; ticks < 1ul << 56; ticks *= 3) {
        assert(vdso_clock_ns(&data, ticks) == ticks_to_ns(ticks));
    }
    assert(data.wall_ns + (int64_t)clock_ns() >= before);

    clock_set_wall(before + 3600000000000);
    read_data(s, base, &data);
    assert(data.wall_ns + (int64_t)clock_ns() >= before + 3600000000000);
    assert(clock_wall_ns() - (data.wall_ns + (int64_t)clock_ns()) <= 0);
    clock_set_wall(clock_wall_ns() - 3600000000000);
    aspace_destroy(s);
}
