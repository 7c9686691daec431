/*
 * Loading: segments count in bytes, spaces in pages. What lies between are *runs* of
 * pages that are made in one way:
 *
 *   segments      [text............][rodata......] [data..........|bss...........]
 *   pages      |       |       |       |       |       |       |       |       |       |
 *   runs         MIXED   BYTES   MIXED   BYTES   MIXED   BYTES   MIXED   ZEROS   ZEROS
 *
 *     BYTES   all bytes come from the file, in one piece: shared, or copied if the program
 *             may write them
 *     ZEROS   no byte comes from the file: anonymous memory, which costs nothing until
 *             it is touched, however much of it there is
 *     MIXED   one page, put together from whatever segments have bytes in it
 *
 * Because no byte belongs to two segments, whole pages inside one segment belong to it
 * alone; only the pages at its ends, and the one where its file bytes stop, may be MIXED.
 * So there are at most five runs to a segment, found one after the other without any list.
 *
 * A run is mapped whole or not at all, and then finished, which may fail too. A failure
 * takes all mapped runs away again; that needs no memory, since no mapping is split.
 */
#include "proc/load.h"

#include "arch/riscv/tlb.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"

struct load {
    struct aspace *space;
    const struct elf *elf;
    const char *image;
    paddr_t image_pa;
    uint64_t bias;
    char *page;     /* where MIXED pages are put together */
    vaddr_t mapped; /* all runs below are mapped; without bias */
};

enum run_kind { RUN_BYTES, RUN_ZEROS, RUN_MIXED };

struct run {
    struct range range; /* as in the file, without bias */
    enum run_kind kind;
    unsigned prot;
    uint64_t offset; /* BYTES: in the file */
};

static uint64_t later(uint64_t a, uint64_t b) { return a > b ? a : b; }
static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* The page at `start` alone. `s` is the first segment with bytes at or behind it. */
static struct run edge_run(const struct elf *e, const struct elf_segment *s,
                           vaddr_t start)
{
    struct run run = {.range = range_of(start, 1), .kind = RUN_ZEROS};

    for (; s < e->segment + e->nsegments && s->start.raw < run.range.end.raw; s++) {
        run.prot |= s->prot;
        if (s->start.raw < s->file_end.raw && s->file_end.raw > start.raw)
            run.kind = RUN_MIXED;
    }
    return run;
}

/* The first run at or behind page `from`. False if there is none. */
static bool next_run(const struct elf *e, vaddr_t from, struct run *out)
{
    const struct elf_segment *s = e->segment, *last = s + e->nsegments;

    while (s < last && s->end.raw <= from.raw)
        s++;
    if (s == last) return false;

    vaddr_t start = VA(later(from.raw, va_floor(s->start).raw));
    uint64_t page_end = start.raw + PAGE_SIZE;
    bool inside = s->start.raw <= start.raw;
    if (inside && page_end <= s->file_end.raw) {
        *out = (struct run){.range = {start, va_floor(s->file_end)},
                            .kind = RUN_BYTES,
                            .prot = s->prot,
                            .offset = s->offset + (start.raw - s->start.raw)};
    } else if (inside && s->file_end.raw <= start.raw && page_end <= s->end.raw) {
        *out = (struct run){
            .range = {start, va_floor(s->end)}, .kind = RUN_ZEROS, .prot = s->prot};
    } else {
        *out = edge_run(e, s, start);
    }
    return true;
}

static struct range where(const struct load *l, const struct run *run)
{
    return (struct range){va_add(run->range.start, l->bias),
                          va_add(run->range.end, l->bias)};
}

static bool is_shared(const struct load *l, const struct run *run)
{
    return run->kind == RUN_BYTES && l->image_pa.raw && !(run->prot & PROT_W);
}

/* Pages that permit nothing have their bytes all the same; finish_run() shuts them. */
static int map_copy(const struct load *l, const struct run *run, const char *bytes)
{
    struct range r = where(l, run);
    unsigned prot = run->prot ? run->prot : PROT_R;

    return aspace_map_data(l->space, r, prot, bytes, range_pages(r) * PAGE_SIZE, 0);
}

/* Maps the image's own frames. They never permit stores, whatever the program asks for. */
static int map_shared(const struct load *l, const struct run *run)
{
    struct mapping_source source = {
        .index = pa_to_pfn(pa_add(l->image_pa, run->offset)).raw,
        .flags = TAG_EXTERN | TAG_MAY_R | TAG_MAY_X,
    };

    return aspace_map(l->space, where(l, run), run->prot, &source);
}

static int map_zeros(const struct load *l, const struct run *run)
{
    static const struct mapping_source anonymous;

    return aspace_map(l->space, where(l, run), run->prot, &anonymous);
}

static int map_mixed(const struct load *l, const struct run *run)
{
    const struct elf_segment *s = l->elf->segment, *last = s + l->elf->nsegments;

    memset(l->page, 0, PAGE_SIZE);
    for (; s < last; s++) {
        uint64_t from = later(s->start.raw, run->range.start.raw);
        uint64_t to = earlier(s->file_end.raw, run->range.end.raw);
        if (from < to) {
            memcpy(l->page + (from - run->range.start.raw),
                   l->image + s->offset + (from - s->start.raw), to - from);
        }
    }
    return map_copy(l, run, l->page);
}

static int map_run(const struct load *l, const struct run *run)
{
    if (run->kind == RUN_MIXED) return map_mixed(l, run);
    if (run->kind == RUN_ZEROS) return map_zeros(l, run);
    if (is_shared(l, run)) return map_shared(l, run);
    return map_copy(l, run, l->image + run->offset);
}

/* Shared pages become resident; pages that permit nothing are shut. */
static int finish_run(const struct load *l, const struct run *run)
{
    struct range r = where(l, run);

    if (is_shared(l, run) && run->prot)
        return aspace_populate(l->space, r, run->prot & PROT_R ? PROT_R : PROT_X);
    return run->prot ? 0 : aspace_protect(l->space, r, PROT_NONE);
}

static int map_runs(struct load *l)
{
    unsigned prot = 0;
    struct run run;

    while (next_run(l->elf, l->mapped, &run)) {
        int err = map_run(l, &run);
        if (err) return err;
        l->mapped = run.range.end;
        err = finish_run(l, &run);
        if (err) return err;
        prot |= run.prot;
    }
    if (prot & PROT_X) icache_flush_all();
    return 0;
}

/* Takes away what was mapped, and nothing of what lies between: that is not ours. */
static int unmap_runs(const struct load *l)
{
    struct run run = {.range.end = VA(0)};
    int err = 0;

    while (next_run(l->elf, run.range.end, &run) && run.range.start.raw < l->mapped.raw) {
        int undone = aspace_unmap(l->space, where(l, &run));
        if (undone) err = undone;
    }
    return err;
}

int elf_load(struct aspace *s, const struct elf *e, const void *image, paddr_t image_pa,
             uint64_t bias)
{
    struct load l = {
        .space = s, .elf = e, .image = image, .image_pa = image_pa, .bias = bias};
    int err;

    if (bias % PAGE_SIZE != 0 || (e->type == ELF_EXEC && bias != 0)) return -EINVAL;
    if (!pa_page_aligned(image_pa)) return -EINVAL;
    if (va_ceil(e->end).raw > UINT64_MAX - bias) return -EINVAL;
    l.page = kmalloc(PAGE_SIZE);
    if (!l.page) return -ENOMEM;
    err = map_runs(&l);
    if (err) {
        int undone = unmap_runs(&l);
        if (undone) err = undone;
    }
    kfree(l.page);
    return err;
}
