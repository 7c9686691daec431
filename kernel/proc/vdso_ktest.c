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

KTEST(the_vdso_is_an_elf_object_that_nobody_writes)
{
    struct aspace *s = aspace_create(ASPACE_USER);
    uint32_t code[2];
    char magic[4];
    vaddr_t base;

    assert(s && vdso_map(s, VA(0x200000), &base) == 0);
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

KTEST(the_vdso_goes_elsewhere_if_its_place_is_taken)
{
    struct aspace *s = aspace_create(ASPACE_USER);
    vaddr_t first, second;

    assert(s && vdso_map(s, VA(0x200000), &first) == 0);
    assert(vdso_map(s, VA(0x200000), &second) == 0);
    assert(second.raw != first.raw);
    aspace_destroy(s);
}

KTEST(the_vdso_tells_the_same_time_as_the_kernel)
{
    struct aspace *s = aspace_create(ASPACE_USER);
    int64_t before = clock_wall_ns();
    struct vdso_data data;
    vaddr_t base;

    assert(s && vdso_map(s, VA(0), &base) == 0);
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
