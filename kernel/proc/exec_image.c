/*
 * See exec_image.h.
 *
 *     2^38   the top; the vDSO with its data, and, in the same leaf table as a rule,
 *            the stack, growing down to its limit
 *            a gap, as large as the stack may become
 *            mmap_base: mappings, downwards; the interpreter is the first
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
#include "proc/vdso.h"

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
    struct mapping_piece pieces[1 + VDSO_PIECES];
    struct aspace *s = p->space;
    uint64_t end = space_end(s);
    uint64_t gap = clamp(how->stack_limit, STACK_GAP_LEAST, end / 6 * 5 / 2);
    vaddr_t vdso = VA(end - PAGE_SIZE - random_pages(how, 11) - vdso_bytes());
    vaddr_t at = va_add(vdso, -PAGE_SIZE);

    s->stack_pages =
        clamp(how->stack_limit, (uint64_t)STACK_FIRST_PAGES * PAGE_SIZE, gap) >>
        PAGE_SHIFT;
    s->mmap_base = s->hint =
        (va_floor(VA(at.raw - gap)).raw - random_pages(how, 18)) >> PAGE_SHIFT;
    *top = at;
    pieces[0] = (struct mapping_piece){
        .range = {va_add(at, -(uint64_t)STACK_FIRST_PAGES * PAGE_SIZE), at},
        .prot = executable ? PROT_RWX : PROT_RW,
        .source.flags = TAG_GROWSDOWN,
    };
    p->vdso = vdso_pieces(vdso, &pieces[1]);
    return aspace_map_pieces(s, pieces, ARRAY_SIZE(pieces));
}

static uint64_t file_pages_end(const struct elf_segment *s)
{
    return s->file_end.raw > s->start.raw ? va_ceil(s->file_end).raw
                                          : va_floor(s->start).raw;
}

/* What is to be mapped next, all at once. */
struct pieces {
    struct aspace *space;
    struct mapping_piece piece[MAPPING_PIECES]; /* objects are held */
    unsigned n;
};

static struct mapping_piece *next_piece(struct pieces *p)
{
    p->piece[p->n].source = (struct mapping_source){0};
    return &p->piece[p->n++];
}

static int map_pieces(struct pieces *p)
{
    int err = aspace_map_pieces(p->space, p->piece, p->n);

    for (; p->n > 0; p->n--) {
        struct object *object = p->piece[p->n - 1].source.object;
        if (object) object_put(object);
    }
    return err;
}

static int add_file_part(struct pieces *p, const struct exec_file *f,
                         const struct elf_segment *s)
{
    struct range r = {va_add(va_floor(s->start), f->bias),
                      VA(file_pages_end(s) + f->bias)};

    if (r.start.raw == r.end.raw) return 0;
    struct mapping_piece *piece = next_piece(p);
    piece->range = r;
    piece->prot = s->prot;
    return file_map(f->file, s->offset - va_offset(s->start), range_pages(r) * PAGE_SIZE,
                    s->prot, false, &piece->source);
}

static void add_rest(struct pieces *p, const struct exec_file *f,
                     const struct elf_segment *s)
{
    struct range r = {VA(file_pages_end(s) + f->bias), va_add(va_ceil(s->end), f->bias)};

    if (r.start.raw >= r.end.raw) return;
    struct mapping_piece *piece = next_piece(p);
    piece->range = r;
    piece->prot = s->prot;
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

static bool ends_within_page(const struct elf_segment *s)
{
    return s->end.raw > s->file_end.raw && s->file_end.raw > s->start.raw;
}

/* In order: where two share a page, the later one has it. */
static int add_segment(struct pieces *p, const struct exec_file *f,
                       const struct elf_segment *s)
{
    int err = p->n + 2 > MAPPING_PIECES ? map_pieces(p) : 0;

    if (!err) err = add_file_part(p, f, s);
    if (err) return err;
    add_rest(p, f, s);
    if (!ends_within_page(s)) return 0;
    err = map_pieces(p);
    return err ? err : clear_rest(p->space, f->bias, s);
}

static int map_segments(struct aspace *space, const struct exec_file *f)
{
    struct pieces p;
    int err = 0;

    p.space = space;
    p.n = 0;
    for (unsigned i = 0; i < f->elf->nsegments && !err; i++)
        err = add_segment(&p, f, &f->elf->segment[i]);
    int last = map_pieces(&p);
    return err ? err : last;
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

struct range exec_code_range(const struct exec_file *f, vaddr_t entry)
{
    const struct elf_segment *s = f->elf->segment;

    while (va_add(s->end, f->bias).raw <= entry.raw)
        s++; /* the entry is in one of them: elf.h */
    return (struct range){va_add(va_floor(s->start), f->bias),
                          va_add(va_ceil(s->end), f->bias)};
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
