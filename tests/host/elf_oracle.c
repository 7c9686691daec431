/* See elf_oracle.h. */
#include "elf_oracle.h"

#include "arch/riscv/directmap.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

enum {
    NEAR = 6, /* pages looked at behind the start and before the end of a segment */
    SEGMENTS = 64,
};

/* Segments that are not empty, as the file has them, in its order. */
static Elf64_Phdr seg[SEGMENTS];
static unsigned nseg;
static char complaint[160];

static const char *complain(uint64_t va, const char *what)
{
    snprintf(complaint, sizeof(complaint), "page %#lx: %s", va, what);
    return complaint;
}

static void read_segments(const unsigned char *image)
{
    Elf64_Ehdr h;

    nseg = 0;
    memcpy(&h, image, sizeof(h));
    for (unsigned i = 0; i < h.e_phnum; i++) {
        Elf64_Phdr p;
        memcpy(&p, image + h.e_phoff + i * sizeof(p), sizeof(p));
        if (p.p_type == PT_LOAD && p.p_memsz > 0) seg[nseg++] = p;
    }
}

static bool covers(const Elf64_Phdr *p, uint64_t va)
{
    return va - p->p_vaddr < p->p_memsz;
}

/* Has the segment a byte in this page? */
static bool touches(const Elf64_Phdr *p, uint64_t page)
{
    return covers(p, page) || p->p_vaddr - page < PAGE_SIZE;
}

static unsigned wanted_prot(uint64_t page)
{
    unsigned prot = 0;

    for (unsigned i = 0; i < nseg; i++) {
        if (!touches(&seg[i], page)) continue;
        if (seg[i].p_flags & PF_R) prot |= PROT_R;
        if (seg[i].p_flags & PF_W) prot |= PROT_R | PROT_W;
        if (seg[i].p_flags & PF_X) prot |= PROT_X;
    }
    return prot;
}

/* Positions count from the start of the page and may lie outside of it. */
static void wanted_bytes(const unsigned char *image, uint64_t page, unsigned char *out)
{
    memset(out, 0, PAGE_SIZE);
    for (unsigned i = 0; i < nseg; i++) {
        int64_t start = (int64_t)(seg[i].p_vaddr - page);
        int64_t end = start + (int64_t)seg[i].p_filesz;
        int64_t first = start < 0 ? 0 : start;
        if (end > (int64_t)PAGE_SIZE) end = PAGE_SIZE;
        if (first < end)
            memcpy(out + first, image + seg[i].p_offset + (first - start),
                   (size_t)(end - first));
    }
}

/* The page of the file whose bytes, all of them, this page shows; or -1. */
static int64_t file_page(uint64_t page)
{
    for (unsigned i = 0; i < nseg; i++) {
        uint64_t n = page - seg[i].p_vaddr;
        if (n < seg[i].p_filesz && seg[i].p_filesz - n >= PAGE_SIZE)
            return (int64_t)((seg[i].p_offset + n) / PAGE_SIZE);
    }
    return -1;
}

static bool is_refused_or_done(const struct loaded *l, vaddr_t va, unsigned prot,
                               unsigned access)
{
    enum fault_result r = aspace_fault(l->s, va, access);

    return r == (prot & access ? FAULT_DONE : FAULT_ACCERR);
}

static const char *check_frame(const struct loaded *l, uint64_t page, unsigned prot)
{
    static unsigned char wanted[PAGE_SIZE];
    int64_t index = file_page(page);
    uint64_t frame;
    paddr_t pa;

    if (!aspace_translate(l->s, VA(page + l->bias), PROT_NONE, &pa))
        return complain(page, "is not there after a touch");
    wanted_bytes(l->image, page, wanted);
    if (memcmp(pa_to_ptr(pa), wanted, PAGE_SIZE) != 0)
        return complain(page, "holds a wrong byte");
    if (!l->image_pa.raw) return NULL;
    frame = (pa.raw - l->image_pa.raw) / PAGE_SIZE;
    if (index >= 0 && !(prot & PROT_W)) {
        if (frame != (uint64_t)index) return complain(page, "was copied");
    } else if (frame < l->image_pages) {
        return complain(page, "is the file's own");
    }
    return NULL;
}

/* The bytes are there, for whoever changes the permission. */
static const char *check_behind_prot_none(const struct loaded *l, uint64_t page)
{
    struct range r = range_of(VA(page + l->bias), 1);
    const char *bad;

    if (aspace_protect(l->s, r, PROT_R) || aspace_fault(l->s, r.start, PROT_R))
        return complain(page, "cannot be made readable");
    bad = check_frame(l, page, PROT_NONE);
    if (!bad && aspace_protect(l->s, r, PROT_NONE))
        return complain(page, "cannot be made unreadable again");
    return bad;
}

static const char *check_page(const struct loaded *l, uint64_t page)
{
    unsigned prot = wanted_prot(page);
    vaddr_t va = VA(page + l->bias);
    struct mapping m;

    if (!aspace_next_mapping(l->s, va, &m) || m.range.start.raw > va.raw)
        return complain(page, "is not mapped");
    if (m.prot != prot) return complain(page, "has another permission");
    if (!is_refused_or_done(l, va, prot, PROT_R) ||
        !is_refused_or_done(l, va, prot, PROT_X)) {
        return complain(page, "permits too much or too little");
    }
    if (prot == PROT_NONE) return check_behind_prot_none(l, page);
    const char *bad = check_frame(l, page, prot);
    if (bad) return bad;
    if (!is_refused_or_done(l, va, prot, PROT_W))
        return complain(page, "permits stores, or does not");
    return check_frame(l, page, prot);
}

/* Pages with a byte of some segment. */
static uint64_t count_pages(void)
{
    uint64_t pages = 0, done = 0; /* pages below `done` have been counted */

    for (;;) {
        const Elf64_Phdr *next = NULL;
        for (unsigned i = 0; i < nseg; i++) {
            if (seg[i].p_vaddr + seg[i].p_memsz <= done * PAGE_SIZE) continue;
            if (!next || seg[i].p_vaddr < next->p_vaddr) next = &seg[i];
        }
        if (!next) return pages;
        uint64_t first = next->p_vaddr / PAGE_SIZE;
        uint64_t last = (next->p_vaddr + next->p_memsz - 1) / PAGE_SIZE;
        if (first < done) first = done;
        pages += last + 1 - first;
        done = last + 1;
    }
}

const char *elf_oracle(const struct loaded *l)
{
    struct aspace_usage usage;

    read_segments(l->image);
    aspace_usage(l->s, &usage);
    if (usage.mapped != count_pages()) return "more or fewer pages than the program has";
    for (unsigned i = 0; i < nseg; i++) {
        uint64_t first = seg[i].p_vaddr / PAGE_SIZE;
        uint64_t end = (seg[i].p_vaddr + seg[i].p_memsz - 1) / PAGE_SIZE + 1;
        uint64_t file_end = (seg[i].p_vaddr + seg[i].p_filesz) / PAGE_SIZE + 2;
        for (uint64_t p = first; p < end; p++) {
            if (p > file_end + NEAR && p + NEAR < end) p = end - NEAR;
            const char *bad = check_page(l, p * PAGE_SIZE);
            if (bad) return bad;
        }
    }
    return aspace_check(&l->s, 1);
}
