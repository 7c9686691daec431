/*
 * See exec_image.h.
 *
 *     2^38   the top; stack, growing down to its limit
 *            a gap, as large as the stack may become
 *            mmap_base: mappings, downwards; the interpreter and the vDSO are the first
 *     2/3    programs that may lie anywhere, and their heap behind them
 *            programs that say where they lie, and their heap
 *     64 KiB nothing below
 *
 * A segment of a file is a private mapping of the file and, where memory goes on behind the file's
 * bytes, zeros: those in the last page of the file's are written, the others are anonymous.
 *
 *     file   ..][data........]
 *     pages     |       |    000|0000000|
 *                private         anonymous
 */
#include "proc/exec_image.h"

#include "drivers/random.h"
#include "lib/errno.h"
#include "mm/aspace.h"
#include "proc/space_writer.h"

enum { LOWEST_PROGRAM = 0x10000, STACK_FIRST_PAGES = 33 };

#define STACK_GAP_LEAST (128ul << 20)
#define KEPT_FOR_STACKS (1ul << 30) /* below the end: no program lies there */

static uint64_t space_end(const struct aspace *s) { return s->end << PAGE_SHIFT; }

struct elf_limits exec_limits(const struct aspace *s)
{
    return (struct elf_limits){VA(LOWEST_PROGRAM), VA(space_end(s) - KEPT_FOR_STACKS)};
}

/* Up to 2^bits pages, in bytes. */
static uint64_t random_pages(const struct exec_layout *how, unsigned bits)
{
    return how->random ? random_u64() >> (64 - bits) << PAGE_SHIFT : 0;
}

static uint64_t clamp(uint64_t n, uint64_t least, uint64_t most)
{
    return n < least ? least : n > most ? most : n;
}

int exec_map_stack(struct program *p, const struct exec_layout *how, bool executable,
                   vaddr_t *top)
{
    const struct mapping_source stack = {.flags = TAG_GROWSDOWN};
    struct aspace *s = p->space;
    uint64_t end = space_end(s);
    uint64_t gap = clamp(how->stack_limit, STACK_GAP_LEAST, end / 6 * 5 / 2);
    vaddr_t at = VA(end - PAGE_SIZE - random_pages(how, 11));
    struct range first = {va_add(at, -(uint64_t)STACK_FIRST_PAGES * PAGE_SIZE), at};

    s->stack_pages =
        clamp(how->stack_limit, (uint64_t)STACK_FIRST_PAGES * PAGE_SIZE, gap) >>
        PAGE_SHIFT;
    s->mmap_base = s->hint =
        (va_floor(VA(at.raw - gap)).raw - random_pages(how, 18)) >> PAGE_SHIFT;
    *top = at;
    return aspace_map(s, first, executable ? PROT_RWX : PROT_RW, &stack);
}

static uint64_t file_pages_end(const struct elf_segment *s)
{
    return s->file_end.raw > s->start.raw ? va_ceil(s->file_end).raw
                                          : va_floor(s->start).raw;
}

static int map_file_part(struct aspace *space, const struct exec_file *f,
                         const struct elf_segment *s)
{
    struct range r = {va_add(va_floor(s->start), f->bias),
                      VA(file_pages_end(s) + f->bias)};
    struct mapping_source source = {0};

    if (r.start.raw == r.end.raw) return 0;
    int err = file_map(f->file, s->offset - va_offset(s->start),
                       range_pages(r) * PAGE_SIZE, s->prot, false, &source);
    if (err) return err;
    err = aspace_map_replace(space, r, s->prot, &source);
    if (source.object) object_put(source.object);
    return err;
}

/* A page that cannot be written has nothing behind the file's bytes that anybody needs. */
static int clear_rest(struct aspace *space, uint64_t bias, const struct elf_segment *s)
{
    struct space_writer w = {.space = space, .at = VA(s->file_end.raw + bias)};
    uint64_t end = va_ceil(s->file_end).raw;

    if (s->end.raw < end) end = s->end.raw;
    if (s->prot & PROT_W) space_writer_zeros(&w, end - s->file_end.raw);
    return w.err;
}

static int map_segment(struct aspace *space, const struct exec_file *f,
                       const struct elf_segment *s)
{
    static const struct mapping_source anonymous;
    struct range rest = {VA(file_pages_end(s) + f->bias),
                         va_add(va_ceil(s->end), f->bias)};

    int err = map_file_part(space, f, s);
    if (err) return err;
    if (s->end.raw > s->file_end.raw && s->file_end.raw > s->start.raw) {
        err = clear_rest(space, f->bias, s);
        if (err) return err;
    }
    if (rest.start.raw >= rest.end.raw) return 0;
    return aspace_map_replace(space, rest, s->prot, &anonymous);
}

static int map_segments(struct aspace *space, const struct exec_file *f)
{
    for (unsigned i = 0; i < f->elf->nsegments; i++) {
        int err = map_segment(space, f, &f->elf->segment[i]);
        if (err) return err;
    }
    return 0;
}

static void note_ranges(struct program *p, const struct exec_file *f)
{
    for (unsigned i = 0; i < f->elf->nsegments; i++) {
        const struct elf_segment *s = &f->elf->segment[i];
        struct range r = {va_add(s->start, f->bias), va_add(s->end, f->bias)};
        if (s->prot & PROT_X) {
            p->code = r;
        } else if (s->prot & PROT_W) {
            p->data = r;
        }
    }
}

int exec_map_program(struct program *p, struct exec_file *f,
                     const struct exec_layout *how)
{
    uint64_t two_thirds = va_floor(VA(space_end(p->space) / 3 * 2)).raw;

    f->bias = 0;
    if (f->elf->type == ELF_DYN)
        f->bias = two_thirds + random_pages(how, 18) - va_floor(f->elf->start).raw;
    int err = map_segments(p->space, f);
    if (err) return err;
    note_ranges(p, f);
    p->brk_start = va_add(va_ceil(va_add(f->elf->end, f->bias)), random_pages(how, 13));
    p->brk = p->brk_start;
    return 0;
}

int exec_map_interpreter(struct program *p, struct exec_file *f)
{
    static const struct mapping_source nothing;
    vaddr_t start = va_floor(f->elf->start), at;
    size_t npages = (va_ceil(f->elf->end).raw - start.raw) >> PAGE_SHIFT;

    if (f->elf->type == ELF_EXEC) {
        f->bias = 0;
        return map_segments(p->space, f);
    }
    int err = aspace_map_anywhere(p->space, npages, 1, PROT_NONE, &nothing, &at);
    if (err) return err;
    err = aspace_unmap(p->space, range_of(at, npages));
    if (err) return err;
    f->bias = at.raw - start.raw;
    return map_segments(p->space, f);
}
