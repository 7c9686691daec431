/*
 * Any bytes as a program. They are a recipe, since chance alone finds no header: segments
 * one behind the other, in any order, and then patches, which change headers (and the
 * rest of the file) at will.
 *
 *     mode | seed, 2 bytes | changes of segments, 8 bytes each | patches, 10 bytes each
 *
 * The seed makes all segments up, and one thing that is wrong with them, so that the
 * shortest input is a program with many; bytes that follow change them.
 *
 * What the parser accepts must keep its promises and is loaded: from shared frames or by
 * copying, with a bias, with something in the way, with memory running out. Then every
 * page must be as elf_oracle.h finds it should be, and nothing may be lost.
 */
// sources: kernel/proc/elf.c kernel/proc/load.c tests/host/elf_oracle.c
// sources: kernel/mm/advise.c kernel/mm/aspace.c kernel/mm/buddy.c kernel/mm/check.c
// sources: kernel/mm/cursor.c kernel/mm/fault.c kernel/mm/find.c kernel/mm/hart_frames.c
// sources: kernel/mm/kmalloc.c kernel/mm/legend.c kernel/mm/map.c kernel/mm/replace.c kernel/mm/move.c
// sources: kernel/mm/object.c kernel/mm/page.c kernel/mm/page_at.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/mm/protect.c kernel/mm/query.c kernel/mm/rmap.c
// sources: kernel/mm/share.c kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/stack.c
// sources: kernel/mm/table.c tests/host/fake/mutex.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/tlb.c
// sources: tests/host/model/kernel_half.c
#include "proc/load.h"

#include "elf_make.h"
#include "elf_oracle.h"
#include "fake/machine.h"
#include "lib/assert.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "mm/slab.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    IMAGE_ORDER = 3,
    IMAGE_SIZE = 4096 << IMAGE_ORDER,
    SEGMENT_STEP = 8,
    PATCH_STEP = 10,
};

/* The first byte. */
enum mode {
    MODE_COUNT = 7, /* segments */
    MODE_SHARE = 8,
    MODE_DYN = 16,
    MODE_TAKEN = 32,
    MODE_SCARCE = 64,
    MODE_HIGH = 128,
};

static const struct elf_limits limits = {VA(0x1000), VA(1ul << 38)};

/* The parser reads a copy that ends where the file does: a sanitizer watches its end. */
static uint8_t *image, *part;
static size_t len;
static paddr_t image_pa;
static uint8_t filling[IMAGE_SIZE], pristine[IMAGE_SIZE];
static struct elf elf;

static void drain(void)
{
    grace_drain();
    slab_drain();
    page_drain();
}

static void boot(void)
{
    if (image) return;
    fake_machine();
    if (slab_init() || aspace_init(3)) abort();
    struct page *p = page_alloc_block(IMAGE_ORDER, PAGE_KERNEL);
    if (!p) abort();
    image = page_ptr(p);
    image_pa = pfn_to_pa(page_pfn(p));
    for (size_t i = 0; i < IMAGE_SIZE; i++)
        filling[i] = (uint8_t)(i * 7 + i / 251 + 1);
}

/* One segment, behind the one that ended at `va`; the last executable one has the entry. */
static uint64_t put_segment(uint64_t va, const uint8_t b[SEGMENT_STEP])
{
    uint64_t gap = (b[1] & 0x40 ? 0x1000 : 1) * (b[1] & 0x3full);
    uint64_t filesz = b[2] * 0x41ull;
    uint64_t more = (b[3] & 0x80 ? 0x10000 : 0x37) * (b[3] & 0x7full);
    uint64_t offset;
    Elf64_Phdr *h;

    va += b[1] & 0x80 ? -va % 0x1000 + gap : gap;
    offset = b[4] % 4 * 0x1000ull + va % 0x1000;
    h = elf_add(image, b[0] & 0xf0 ? PT_LOAD : b[5] % 8u, b[0] % 8, offset, va, filesz);
    h->p_memsz += more;
    if (h->p_flags & PF_X) ((Elf64_Ehdr *)image)->e_entry = va + (va & 1);
    return va + filesz + more;
}

static void reverse_segments(void)
{
    unsigned n = ((Elf64_Ehdr *)image)->e_phnum;

    for (unsigned i = 0; i < n / 2; i++) {
        Elf64_Phdr *a = elf_header_at(image, i), *b = elf_header_at(image, n - 1 - i);
        Elf64_Phdr swap = *a;
        *a = *b;
        *b = swap;
    }
}

static void put_patch(const uint8_t b[PATCH_STEP])
{
    size_t width = 1ul << b[1] % 4, at = b[0] + (b[1] >> 4) * 256ul;

    memcpy(image + at, b + 2, width);
}

static uint8_t made_up(uint64_t *state)
{
    *state = *state * 6364136223846793005ul + 1442695040888963407ul;
    return (uint8_t)(*state >> 56);
}

/* One number of one header becomes another. */
static void put_damage(uint64_t *state, unsigned n)
{
    static const uint64_t steps[] = {
        1,      -1ul,    0x10,    0x100,   0x1000,    -0x1000ul, 0x3000,
        0x8000, 1 << 20, 1 << 27, 1 << 30, 1ul << 38, 1ul << 63, -0x8000ul,
    };
    Elf64_Phdr *h = elf_header_at(image, made_up(state) % n);
    uint64_t *fields[] = {&h->p_offset, &h->p_vaddr, &h->p_filesz, &h->p_memsz};

    *fields[made_up(state) % 4] +=
        steps[made_up(state) % (sizeof(steps) / sizeof(*steps))];
}

/* Segments as the seed has them, changed by the bytes there are. Returns how many. */
static size_t put_segments(unsigned mode, const uint8_t *data, size_t size)
{
    uint64_t va = mode & MODE_HIGH ? (1ul << 38) - 0x10000 : 0x1000;
    uint64_t state = 1 + data[0] + data[1] * 256ul;
    unsigned n = mode & MODE_COUNT;
    uint8_t step[SEGMENT_STEP];
    size_t used = 2;

    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < SEGMENT_STEP; k++) {
            step[k] = made_up(&state);
            if (used < size) step[k] ^= data[used++];
        }
        va = put_segment(va, step);
    }
    if (n > 0 && made_up(&state) % 2) put_damage(&state, n);
    return used;
}

static void make_image(unsigned mode, const uint8_t *data, size_t size)
{
    memcpy(image, filling, IMAGE_SIZE);
    elf_begin(image, 0)->e_type = mode & MODE_DYN ? ET_DYN : ET_EXEC;
    size_t used = put_segments(mode, data, size);
    data += used, size -= used;
    if (size % 2) reverse_segments();
    len = IMAGE_SIZE;
    for (; size >= PATCH_STEP; data += PATCH_STEP, size -= PATCH_STEP)
        put_patch(data);
    if (size > 2) len = (size_t)(data[0] | data[1] << 8) % (IMAGE_SIZE + 1);
    memcpy(pristine, image, IMAGE_SIZE);
}

static void check_promises(void)
{
    assert(elf.nsegments >= 1 && elf.nsegments <= ELF_SEGMENTS && !elf.reason);
    assert(elf.start.raw == elf.segment[0].start.raw && elf.interp_len <= ELF_INTERP_MAX);
    for (unsigned i = 0; i < elf.nsegments; i++) {
        const struct elf_segment *s = &elf.segment[i];
        assert(s->start.raw <= s->file_end.raw && s->file_end.raw <= s->end.raw);
        assert(s->start.raw < s->end.raw && s->end.raw <= elf.end.raw);
        assert(s->offset <= len && s->file_end.raw - s->start.raw <= len - s->offset);
        assert(i == 0 || s[-1].end.raw <= s->start.raw);
    }
    if (elf.interp_len) assert(part[elf.interp_offset + elf.interp_len - 1] == 0);
}

/* Memory runs out, or somebody sits on a page: nothing of the program is left. */
static int load_with_trouble(struct aspace *s, unsigned mode, const uint8_t *data,
                             paddr_t pa, uint64_t bias)
{
    static const struct mapping_source anonymous;
    struct aspace_usage usage;
    vaddr_t at = VA(va_floor(elf.start).raw + bias + (data[1] % 16) * PAGE_SIZE);
    bool taken = mode & MODE_TAKEN && at.raw < limits.end.raw;

    if (taken && aspace_map(s, range_of(at, 1), PROT_RW, &anonymous)) abort();
    if (mode & MODE_SCARCE) page_fail_after(data[2] % 40);
    int err = elf_load(s, &elf, part, pa, bias);
    page_fail_never();
    if (taken && aspace_unmap(s, range_of(at, 1))) abort();
    assert(err == 0 || (err == -EEXIST && taken) ||
           (err == -ENOMEM && mode & MODE_SCARCE));
    aspace_usage(s, &usage);
    assert(!err || usage.mapped == 0);
    return err;
}

static void load(unsigned mode, const uint8_t *data)
{
    uint64_t bias = 0, room = limits.end.raw - va_ceil(elf.end).raw;
    paddr_t pa = mode & MODE_SHARE ? image_pa : PA(0);
    struct aspace *s = aspace_create(ASPACE_USER);

    if (elf.type == ELF_DYN) bias = mode & MODE_HIGH ? room : limits.lowest.raw;
    if (!s) abort();
    if (load_with_trouble(s, mode, data, pa, bias) &&
        elf_load(s, &elf, part, pa, bias) != 0)
        abort();

    struct loaded l = {s, part, pa, IMAGE_SIZE / PAGE_SIZE, bias};
    const char *bad = elf_oracle(&l);
    if (bad) {
        fprintf(stderr, "%s\n", bad);
        abort();
    }
    aspace_destroy(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned mode = size > 0 ? data[0] : 0;

    if (size < 3) return 0; /* the mode and the seed */
    boot();
    drain();
    uint64_t frames = page_free_count();
    make_image(mode, data + 1, size - 1);
    part = malloc(len ? len : 1);
    memcpy(part, image, len);
    int err = elf_parse(part, len, limits, &elf);
    if (err) {
        assert(err == -ENOEXEC || err == -EINVAL || err == -ENOMEM);
        assert(elf.reason);
    } else {
        check_promises();
        load(mode, data);
        drain();
        assert(page_free_count() == frames);
    }
    assert(memcmp(image, pristine, IMAGE_SIZE) == 0);
    free(part);
    return 0;
}
