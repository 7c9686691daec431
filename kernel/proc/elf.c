/*
 * Parsing ELF. Nothing that the file says is believed before it was compared with
 * something that we know: the length of the file, the limits, our own maxima. Sums are
 * never formed before it is clear that they do not wrap: "a + b > c" is written
 * "b > c - a", where a <= c is already known.
 *
 *     header    is it for us?  where are the program headers?
 *     headers   each alone: is the segment possible?
 *     segments  sorted; all together: are they disjoint, is the entry in one of them?
 *
 * Headers are copied out before they are looked at: others may write to the file meanwhile, and
 * it may lie at any address.
 * Headers that we need not know (notes, thread-local storage, RELRO: all of them matters
 * of the program and its linker) are passed over.
 */
#include "proc/elf.h"

#include "arch/riscv/pte.h"
#include "lib/errno.h"
#include "lib/string.h"

struct header {
    uint32_t magic;
    uint8_t class, data, ident_version, os_abi, abi_version, pad[7];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
static_assert(sizeof(struct header) == 64, "the ELF header as in the file");

struct program_header {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
static_assert(sizeof(struct program_header) == ELF_PHENT,
              "a program header as in the file");

enum {
    MAGIC = 0x464c457f, /* the bytes "\177ELF" */
    CLASS_64 = 2,
    DATA_LITTLE_ENDIAN = 1,
    VERSION_CURRENT = 1,
    TYPE_EXEC = 2,
    TYPE_DYN = 3,
    MACHINE_RISCV = 243,
    PHNUM_ELSEWHERE = 0xffff, /* too many for the header: section 0 has the number */

    PT_LOAD = 1,
    PT_INTERP = 3,
    PT_GNU_STACK = 0x6474e551,

    PF_X = 1,
    PF_W = 2,
    PF_R = 4,
};

struct parse {
    const uint8_t *image;
    size_t here; /* bytes of the image that we have */
    uint64_t len;
    vaddr_t lowest, end; /* of addresses as the file has them */
    struct header header;
    struct elf *out;
};

/* Copies n bytes, a constant: in a few words where they lie as words do, as nearly always. What was
 * copied is not read again. */
static always_inline void take(void *to, const void *from, size_t n)
{
    enum { ALIGN = sizeof(uint64_t) };

    if (likely((uintptr_t)from % ALIGN == 0)) {
        __builtin_memcpy(__builtin_assume_aligned(to, ALIGN),
                         __builtin_assume_aligned(from, ALIGN), n);
    } else {
        memcpy(to, from, n);
    }
    __asm__ volatile("" ::: "memory");
}

static int refuse(struct parse *p, int err, const char *reason)
{
    p->out->reason = reason;
    return err;
}

/* Are [offset, offset + n) bytes of the file? */
static bool in_file(const struct parse *p, uint64_t offset, uint64_t n)
{
    return offset <= p->len && n <= p->len - offset;
}

/* The same of bytes that we have to look at. */
static int need(struct parse *p, uint64_t offset, uint64_t n, const char *beyond_file)
{
    if (!in_file(p, offset, n)) return refuse(p, -EINVAL, beyond_file);
    if (offset > p->here || n > p->here - offset)
        return refuse(p, -ENOEXEC, "headers too far from the beginning of the file");
    return 0;
}

static int parse_header(struct parse *p)
{
    struct header *h = &p->header;

    if (p->here < sizeof(*h)) return refuse(p, -ENOEXEC, "too short for an ELF file");
    take(h, p->image, sizeof(*h));
    if (h->magic != MAGIC) return refuse(p, -ENOEXEC, "not an ELF file");
    if (h->class != CLASS_64) return refuse(p, -ENOEXEC, "not 64-bit");
    if (h->data != DATA_LITTLE_ENDIAN) return refuse(p, -ENOEXEC, "not little-endian");
    if (h->ident_version != VERSION_CURRENT || h->version != VERSION_CURRENT)
        return refuse(p, -ENOEXEC, "unknown version of ELF");
    if (h->machine != MACHINE_RISCV) return refuse(p, -ENOEXEC, "not for RISC-V");
    if (h->type != TYPE_EXEC && h->type != TYPE_DYN)
        return refuse(p, -ENOEXEC, "not an executable");
    if (h->phentsize != ELF_PHENT)
        return refuse(p, -ENOEXEC, "program headers of unknown size");
    if (h->phnum == PHNUM_ELSEWHERE)
        return refuse(p, -ENOEXEC, "too many program headers");
    return need(p, h->phoff, h->phnum * (uint64_t)ELF_PHENT,
                "program headers beyond the file");
}

static unsigned prot_of(uint32_t flags)
{
    unsigned prot = 0;

    if (flags & PF_R) prot |= PROT_R;
    if (flags & PF_W) prot |= PROT_RW;
    if (flags & PF_X) prot |= PROT_X;
    return prot;
}

/* Before the first segment that begins behind `s`. */
static void insert(struct elf *e, const struct elf_segment *s)
{
    unsigned i = e->nsegments++;

    for (; i > 0 && e->segment[i - 1].start.raw > s->start.raw; i--)
        e->segment[i] = e->segment[i - 1];
    e->segment[i] = *s;
}

static int parse_load(struct parse *p, const struct program_header *h)
{
    if (h->filesz > h->memsz)
        return refuse(p, -EINVAL, "segment larger in the file than in memory");
    if (h->memsz == 0) return 0;
    if (h->vaddr < p->lowest.raw) return refuse(p, -EINVAL, "segment below the limit");
    if (h->vaddr > p->end.raw || h->memsz > p->end.raw - h->vaddr)
        return refuse(p, -EINVAL, "segment above the limit");
    /* Where nothing comes from the file the offset means nothing. */
    if (h->filesz > 0 && !in_file(p, h->offset, h->filesz))
        return refuse(p, -EINVAL, "segment beyond the file");
    if (h->filesz > 0 && (h->offset - h->vaddr) % PAGE_SIZE != 0)
        return refuse(p, -EINVAL,
                      "segment at another place in its page than in the file");
    if (p->out->nsegments == ELF_SEGMENTS) return refuse(p, -ENOMEM, "too many segments");

    struct elf_segment s = {
        .start = VA(h->vaddr),
        .file_end = VA(h->vaddr + h->filesz),
        .end = VA(h->vaddr + h->memsz),
        .offset = h->filesz > 0 ? h->offset : 0,
        .prot = prot_of(h->flags),
    };
    insert(p->out, &s);
    return 0;
}

static int parse_interp(struct parse *p, const struct program_header *h)
{
    if (p->out->interp_len) return refuse(p, -EINVAL, "two interpreters");
    int err = need(p, h->offset, h->filesz, "interpreter's path beyond the file");
    if (err) return err;
    if (h->filesz < 2 || h->filesz > ELF_INTERP_MAX)
        return refuse(p, -EINVAL, "interpreter's path of no possible length");

    const uint8_t *path = p->image + h->offset;
    if (memchr(path, '\0', h->filesz) != path + h->filesz - 1)
        return refuse(p, -EINVAL, "interpreter's path that does not end");
    p->out->interp_offset = h->offset;
    p->out->interp_len = h->filesz;
    return 0;
}

static int parse_program_headers(struct parse *p)
{
    const uint8_t *at = p->image + p->header.phoff;

    for (unsigned i = 0; i < p->header.phnum; i++, at += ELF_PHENT) {
        struct program_header h;
        int err = 0;

        take(&h, at, sizeof(h));
        switch (h.type) {
        case PT_LOAD:
            err = parse_load(p, &h);
            break;
        case PT_INTERP:
            err = parse_interp(p, &h);
            break;
        case PT_GNU_STACK:
            p->out->exec_stack = h.flags & PF_X;
            break;
        }
        if (err) return err;
    }
    return 0;
}

/* What can only be said of all segments together. */
static int parse_whole(struct parse *p)
{
    const struct header *h = &p->header;
    uint64_t headers_end = h->phoff + h->phnum * (uint64_t)ELF_PHENT;
    struct elf *e = p->out;
    bool entry_found = false;

    if (e->nsegments == 0) return refuse(p, -EINVAL, "nothing to load");
    for (unsigned i = 0; i < e->nsegments; i++) {
        const struct elf_segment *s = &e->segment[i];
        uint64_t filesz = s->file_end.raw - s->start.raw;

        if (i > 0 && s[-1].end.raw > s->start.raw)
            return refuse(p, -EINVAL, "segments overlap");
        if (s->prot & PROT_X && s->start.raw <= h->entry && h->entry < s->end.raw)
            entry_found = true;
        if (s->offset <= h->phoff && headers_end <= s->offset + filesz)
            e->phdr = va_add(s->start, h->phoff - s->offset);
    }
    if (!entry_found) return refuse(p, -EINVAL, "entry in no executable segment");
    if (h->entry % 2 != 0) return refuse(p, -EINVAL, "entry at an odd address");
    e->entry = VA(h->entry);
    e->phnum = h->phnum;
    e->start = e->segment[0].start;
    e->end = e->segment[e->nsegments - 1].end;
    return 0;
}

int elf_parse(const void *image, size_t len, struct elf_limits limits, struct elf *out)
{
    return elf_parse_head(image, len, len, limits, out);
}

int elf_parse_head(const void *head, size_t len, uint64_t file_len,
                   struct elf_limits limits, struct elf *out)
{
    struct parse p;
    int err;

    p.image = head;
    p.here = len;
    p.len = file_len;
    p.out = out;

    memset(out, 0, offsetof(struct elf, segment));
    err = parse_header(&p);
    if (err) return err;
    if (p.header.type == TYPE_EXEC) {
        out->type = ELF_EXEC;
        p.lowest = limits.lowest;
        p.end = limits.end;
    } else {
        out->type = ELF_DYN;
        p.lowest = VA(0);
        p.end = VA(limits.end.raw - limits.lowest.raw);
    }
    err = parse_program_headers(&p);
    if (err) return err;
    return parse_whole(&p);
}
