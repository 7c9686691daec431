/* The programs that the kernel carries, loaded on the real machine; one of them runs. */
#include "arch/riscv/csr.h"
#include "arch/riscv/image.h"
#include "arch/riscv/portal.h"
#include "demo/programs.h"
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/load.h"
#include "sched/thread.h"

static const struct elf_limits limits = {VA(PAGE_SIZE), VA(1ul << 38)};
static struct elf elf;

static const struct demo_program *find_program(const char *name)
{
    for (unsigned i = 0; i < nprograms; i++) {
        if (strcmp(programs[i].name, name) == 0) return &programs[i];
    }
    return NULL;
}

static struct aspace *load_program(const struct demo_program *p)
{
    struct aspace *s = aspace_create(ASPACE_USER);
    int err = elf_parse(p->image, p->len, limits, &elf);

    assert(s && err == 0);
    err = elf_load(s, &elf, p->image, image_pa(p->image), 0);
    assert(err == 0);
    return s;
}

static void check_bytes(struct aspace *s, const struct demo_program *p,
                        const struct elf_segment *g)
{
    const char *bytes = (const char *)p->image + g->offset;
    char buffer[256];

    for (vaddr_t va = g->start; va.raw < g->file_end.raw;) {
        size_t n = g->file_end.raw - va.raw;
        if (n > sizeof(buffer)) n = sizeof(buffer);
        int err = aspace_read(s, va, buffer, n);
        assert(err == 0 && memcmp(buffer, bytes + (va.raw - g->start.raw), n) == 0);
        va = va_add(va, n);
    }
}

/* rows: R29 R33 */
KTEST(every_program_of_the_kernel_is_loaded_as_its_file_says)
{
    for (unsigned i = 0; i < nprograms; i++) {
        struct aspace *s = load_program(&programs[i]);
        for (unsigned k = 0; k < elf.nsegments; k++) {
            if (elf.segment[k].prot & PROT_R)
                check_bytes(s, &programs[i], &elf.segment[k]);
        }
        const char *broken = aspace_check(&s, 1);
        assert(broken == NULL);
        aspace_destroy(s);
    }
}

/* Runs until a trap that is no page to be brought. */
static void execute(struct aspace *s, struct foreign_context *f)
{
    thread_enter_space(s);
    for (;;) {
        unsigned access = 0;
        portal_execute(f);
        if (f->cause == CAUSE_FETCH_PAGE) access = PROT_X;
        if (f->cause == CAUSE_LOAD_PAGE) access = PROT_R;
        if (f->cause == CAUSE_STORE_PAGE) access = PROT_W;
        if (!access || aspace_fault(s, VA(f->value), access) != FAULT_DONE) break;
    }
    thread_enter_space(NULL);
}

/* rows: W23 R29 */
KTEST(a_loaded_program_runs_and_says_hello)
{
    static const struct mapping_source anonymous;
    static const char hello[] = "Hello, world!\n";
    struct aspace *s = load_program(find_program("hello_world"));
    struct foreign_context f = {.pc = elf.entry.raw, .x[2] = limits.end.raw};
    char said[sizeof(hello)] = "";

    int err = aspace_map(s, range_of(VA(limits.end.raw - 2 * PAGE_SIZE), 2), PROT_RW,
                         &anonymous);
    assert(err == 0);
    execute(s, &f);
    assert(f.cause == CAUSE_USER_ECALL && f.x[17] == 64 && f.x[12] == sizeof(hello) - 1);
    err = aspace_read(s, VA(f.x[11]), said, sizeof(hello) - 1);
    assert(err == 0 && strcmp(said, hello) == 0);
    f.x[10] = f.x[12];
    foreign_move_next(&f);
    execute(s, &f);
    assert(f.cause == CAUSE_USER_ECALL && f.x[17] == 93 && f.x[10] == 0);
    aspace_destroy(s);
}

/* One byte of a file, or of its first loadable segment's header, and what comes of it. */
struct damage {
    bool in_segment;
    uint8_t at, change;
    int err;
};

static const struct damage damages[] = {
    {false, 0, 1, -ENOEXEC},    /* magic */
    {false, 4, 3, -ENOEXEC},    /* class */
    {false, 18, 1, -ENOEXEC},   /* machine */
    {false, 31, 0x80, -EINVAL}, /* entry */
    {false, 39, 0x80, -EINVAL}, /* where the program headers are */
    {true, 8, 1, -EINVAL},      /* place in the file: not as in the page */
    {true, 15, 1, -EINVAL},     /* place in the file: far behind it */
    {true, 23, 0x80, -EINVAL},  /* address: the kernel's half */
    {true, 39, 0x80, -EINVAL},  /* size in the file */
    {true, 47, 0xff, -EINVAL},  /* size in memory: the end wraps */
};

static size_t find_segment_header(const uint8_t *file)
{
    size_t at = 64;

    while (file[at] != 1) /* PT_LOAD */
        at += ELF_PHENT;
    return at;
}

/* rows: W23 W24 R32 D22 */
KTEST(a_damaged_program_is_refused_and_the_kernel_goes_on)
{
    const struct demo_program *p = find_program("hello_world");
    uint8_t *copy = kmalloc(p->len);
    int err;

    assert(copy);
    memcpy(copy, p->image, p->len);
    for (unsigned i = 0; i < ARRAY_SIZE(damages); i++) {
        const struct damage *d = &damages[i];
        size_t at = d->at + (d->in_segment ? find_segment_header(copy) : 0);
        copy[at] ^= d->change;
        err = elf_parse(copy, p->len, limits, &elf);
        assert(err == d->err && elf.reason);
        copy[at] ^= d->change;
    }
    err = elf_parse(copy, p->len, limits, &elf);
    assert(err == 0);
    kfree(copy);
}
