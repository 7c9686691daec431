/*
 * Programs mapped: which bytes, with which permission, in whose frames, and what is left
 * when it fails. Every program that is loaded is compared with elf_oracle.h.
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
#include "lib/errno.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "test.h"

#include <stdlib.h>

enum { IMAGE_ORDER = 4, IMAGE_SIZE = 4096 << IMAGE_ORDER };

static const struct elf_limits limits = {VA(0x1000), VA(1ul << 38)};

/* The file lies in physical memory, as an initrd does. */
static uint8_t *image;
static paddr_t image_pa;
static uint8_t pristine[IMAGE_SIZE];

static struct aspace *s;
static struct elf elf;
static uint64_t frames_before;

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
}

/* A file without segments; every byte behind the headers has a value of its own place. */
static void begin(uint64_t entry)
{
    boot();
    drain();
    frames_before = page_free_count();
    s = aspace_create(ASPACE_USER);
    if (!s) abort();
    for (size_t i = 0; i < IMAGE_SIZE; i++)
        image[i] = (uint8_t)(i * 7 + i / 251 + 1);
    elf_begin(image, entry);
}

/* No frame is missing, and nobody wrote into the file. */
static void end(void)
{
    aspace_destroy(s);
    drain();
    EXPECT_EQ(page_free_count(), frames_before);
    EXPECT(memcmp(image, pristine, IMAGE_SIZE) == 0);
}

/* What the tests' file is now must stay so. */
static int parse(void)
{
    memcpy(pristine, image, IMAGE_SIZE);
    return elf_parse(image, IMAGE_SIZE, limits, &elf);
}

static bool is_as_wanted(struct aspace *in, paddr_t pa, uint64_t bias)
{
    struct loaded l = {in, image, pa, IMAGE_SIZE / PAGE_SIZE, bias};

    return EXPECT_STR(elf_oracle(&l), NULL);
}

static bool loads_from(paddr_t pa)
{
    return EXPECT_EQ(parse(), 0) && EXPECT_EQ(elf_load(s, &elf, image, pa, 0), 0) &&
           is_as_wanted(s, pa, 0);
}

static bool loads(void) { return loads_from(image_pa); }

/* Headers and text, rodata in the tail of its last page, data and five pages of bss. */
static void begin_default(void)
{
    begin(0x13ee6);
    elf_add(image, PT_LOAD, PF_R, 0, 0x10000, 0x2a00);
    elf_add(image, PT_LOAD, PF_R | PF_X, 0x3a00, 0x13a00, 0x3a00);
    elf_add(image, PT_LOAD, PF_R | PF_W, 0x8100, 0x19100, 0x2300)->p_memsz = 0x7000;
}

static uint8_t byte_at(struct aspace *in, uint64_t va)
{
    uint8_t byte = 0xee;

    EXPECT_EQ(aspace_read(in, VA(va), &byte, 1), 0);
    return byte;
}

static unsigned lines(void)
{
    struct mapping m = {.range.end = VA(0)};
    unsigned n = 0;

    while (aspace_next_mapping(s, m.range.end, &m))
        n++;
    return n;
}

/* rows: W24 R29 D22 */
TEST(bytes_land_at_their_place_in_the_page_and_the_rest_is_zero)
{
    begin_default();
    if (!loads()) return;
    EXPECT_EQ(byte_at(s, 0x13a00), image[0x3a00]);
    EXPECT_EQ(byte_at(s, 0x19100), image[0x8100]);
    EXPECT_EQ(byte_at(s, 0x19100 + 0x22ff), image[0x8100 + 0x22ff]);
    for (uint64_t va = 0x19100 + 0x2300; va < 0x21000; va++) {
        if (!EXPECT_EQ(byte_at(s, va), 0)) break;
    }
    end();
}

/* rows: D13 */
TEST(bytes_of_neighbours_in_the_file_are_not_in_the_pages)
{
    begin_default();
    if (!loads()) return;
    EXPECT(image[0x2a00] != 0 && image[0x39ff] != 0 && image[0x80ff] != 0);
    EXPECT_EQ(byte_at(s, 0x12a00), 0);
    EXPECT_EQ(byte_at(s, 0x139ff), 0);
    EXPECT_EQ(byte_at(s, 0x17400), 0);
    EXPECT_EQ(byte_at(s, 0x190ff), 0);
    end();
}

/* rows: D13 */
TEST(whole_pages_that_are_not_written_are_the_files_own)
{
    paddr_t pa;

    begin_default();
    if (!loads()) return;
    EXPECT(aspace_translate(s, VA(0x10000), PROT_R, &pa) && pa.raw == image_pa.raw);
    EXPECT(aspace_translate(s, VA(0x11000), PROT_R, &pa) &&
           pa.raw == image_pa.raw + 0x1000);
    EXPECT(aspace_translate(s, VA(0x14000), PROT_RX, &pa) &&
           pa.raw == image_pa.raw + 0x4000);
    EXPECT(aspace_translate(s, VA(0x1a000), PROT_RW, &pa));
    EXPECT(pa.raw - image_pa.raw >= IMAGE_SIZE);
    end();
}

/* rows: D13 */
TEST(the_files_own_pages_can_never_be_made_writable)
{
    begin_default();
    if (!loads()) return;
    EXPECT_EQ(aspace_protect(s, range_of(VA(0x14000), 1), PROT_RW), -EACCES);
    EXPECT_EQ(aspace_protect(s, range_of(VA(0x10000), 1), PROT_RWX), -EACCES);
    EXPECT_EQ(aspace_write(s, VA(0x14000), "x", 1), -EFAULT);
    EXPECT_EQ(aspace_protect(s, range_of(VA(0x13000), 1), PROT_RW), 0);
    EXPECT_EQ(aspace_write(s, VA(0x13a00), "x", 1), 0);
    end();
}

TEST(a_file_that_may_not_be_shared_is_copied)
{
    begin_default();
    if (!loads_from(PA(0))) return;
    paddr_t pa;
    EXPECT(aspace_translate(s, VA(0x10000), PROT_R, &pa));
    EXPECT(pa.raw - image_pa.raw >= IMAGE_SIZE);
    end();
}

TEST(a_file_at_an_odd_address_is_copied)
{
    static uint8_t room[IMAGE_SIZE + 1];

    begin_default();
    EXPECT_EQ(parse(), 0);
    memcpy(room + 1, image, IMAGE_SIZE);
    EXPECT_EQ(elf_parse(room + 1, IMAGE_SIZE, limits, &elf), 0);
    EXPECT_EQ(elf_load(s, &elf, room + 1, PA(0), 0), 0);
    is_as_wanted(s, PA(0), 0);
    end();
}

/* rows: D22 W24 */
TEST(segments_that_share_a_page_have_their_bytes_and_both_permissions)
{
    begin(0x10f00);
    elf_add(image, PT_LOAD, PF_R | PF_W, 0x3123, 0x12123, 0x100)->p_memsz = 0x300;
    elf_add(image, PT_LOAD, PF_R | PF_X, 0xf00, 0x10f00, 0x1200);
    elf_add(image, PT_LOAD, PF_R, 0x5423, 0x12423, 0x10);
    if (!loads()) return;
    EXPECT_EQ(byte_at(s, 0x120ff), image[0xf00 + 0x11ff]);
    EXPECT_EQ(byte_at(s, 0x12100), 0);
    EXPECT_EQ(byte_at(s, 0x12123), image[0x3123]);
    EXPECT_EQ(byte_at(s, 0x12223), 0);
    EXPECT_EQ(byte_at(s, 0x12423), image[0x5423]);
    EXPECT_EQ(aspace_fault(s, VA(0x12000), PROT_X), FAULT_DONE);
    EXPECT_EQ(aspace_fault(s, VA(0x12000), PROT_W), FAULT_DONE);
    EXPECT_EQ(aspace_fault(s, VA(0x11000), PROT_W), FAULT_ACCERR);
    end();
}

/* rows: W24 */
TEST(one_segment_may_be_everything_with_bss_before_data)
{
    begin(0x10000);
    memset(image + 0x3000, 0, 0x2800);
    elf_add(image, PT_LOAD, PF_R | PF_W | PF_X, 0x1000, 0x10000, 0x6000)->p_memsz =
        0x6100;
    if (!loads()) return;
    EXPECT_EQ(aspace_fault(s, VA(0x12000), PROT_W), FAULT_DONE);
    EXPECT_EQ(byte_at(s, 0x12000), 0);
    EXPECT_EQ(byte_at(s, 0x15fff), image[0x6fff]);
    EXPECT_EQ(lines(), 1);
    end();
}

TEST(zeros_cost_nothing_until_they_are_touched)
{
    begin(0x10000);
    elf_add(image, PT_LOAD, PF_R | PF_X, 0x1000, 0x10000, 0x10);
    elf_add(image, PT_LOAD, PF_R | PF_W, 0, 0x20010, 0)->p_memsz = (1ul << 38) - 0x20010;
    EXPECT_EQ(parse(), 0);
    EXPECT_EQ(elf_load(s, &elf, image, image_pa, 0), 0);
    struct aspace_usage u;
    aspace_usage(s, &u);
    EXPECT_EQ(u.anon, 1);
    EXPECT(u.tables <= 6 * PAGE_SIZE);
    is_as_wanted(s, image_pa, 0);
    end();
}

TEST(every_permission_is_what_the_flags_say)
{
    begin(0x80800);
    for (unsigned flags = 0; flags < 8; flags++) {
        elf_add(image, PT_LOAD, flags, 0x1800, 0x10800 + flags * 0x10000, 0x2000)
            ->p_memsz = 0x4000;
    }
    if (!loads()) return;
    end();
}

TEST(bytes_of_pages_that_permit_nothing_are_there_behind_them)
{
    begin(0x10000);
    elf_add(image, PT_LOAD, PF_X, 0x4000, 0x10000, 0x1000);
    elf_add(image, PT_LOAD, 0, 0x1010, 0x20010, 0x2800);
    if (!loads() || !EXPECT_EQ(aspace_unmap(s, range_of(VA(0x10000), 0x20)), 0)) return;
    EXPECT_EQ(elf_load(s, &elf, image, PA(0), 0), 0);
    is_as_wanted(s, PA(0), 0);
    EXPECT_EQ(aspace_protect(s, range_of(VA(0x20000), 3), PROT_R), 0);
    EXPECT_EQ(byte_at(s, 0x20010), image[0x1010]);
    end();
}

TEST(a_program_for_anywhere_lies_above_its_bias)
{
    begin_default();
    ((Elf64_Ehdr *)image)->e_type = ET_DYN;
    EXPECT_EQ(parse(), 0);
    EXPECT_EQ(elf_load(s, &elf, image, image_pa, 1), -EINVAL);
    EXPECT_EQ(elf_load(s, &elf, image, image_pa, -0x20000ul), -EINVAL);
    EXPECT_EQ(elf_load(s, &elf, image, image_pa, (1ul << 38) - 0x20000), -EINVAL);
    EXPECT_EQ(elf_load(s, &elf, image, pa_add(image_pa, 8), 0x5000000), -EINVAL);
    EXPECT_EQ(lines(), 0);
    EXPECT_EQ(elf_load(s, &elf, image, image_pa, 0x5000000), 0);
    is_as_wanted(s, image_pa, 0x5000000);
    EXPECT_EQ(byte_at(s, 0x5013a00), image[0x3a00]);
    end();
}

TEST(a_fixed_program_has_no_bias)
{
    begin_default();
    EXPECT_EQ(parse(), 0);
    EXPECT_EQ(elf_load(s, &elf, image, image_pa, 0x1000), -EINVAL);
    EXPECT_EQ(lines(), 0);
    end();
}

/* rows: W27 */
TEST(programs_at_one_address_in_two_spaces_have_their_own_data)
{
    begin_default();
    struct aspace *other = aspace_create(ASPACE_USER);
    if (!EXPECT(other) || !loads()) return;
    EXPECT_EQ(elf_load(other, &elf, image, image_pa, 0), 0);
    EXPECT_EQ(aspace_write(s, VA(0x19100), "1", 1), 0);
    EXPECT_EQ(aspace_write(other, VA(0x19100), "2", 1), 0);
    EXPECT_EQ(byte_at(s, 0x19100), '1');
    EXPECT_EQ(byte_at(other, 0x19100), '2');
    aspace_destroy(other);
    end();
}

TEST(harts_see_instructions_that_were_loaded)
{
    begin_default();
    uint64_t before = fake_tlb_counts.icache_flush_all;
    if (!loads()) return;
    EXPECT_EQ(fake_tlb_counts.icache_flush_all, before + 1);
    EXPECT_EQ(elf_load(s, &elf, image, image_pa, 0), -EEXIST);
    EXPECT_EQ(fake_tlb_counts.icache_flush_all, before + 1);
    end();
}

/* Each page of the program in turn is taken by somebody else. */
TEST(what_is_in_the_way_stays_and_nothing_else_is_mapped)
{
    static const struct mapping_source anonymous;

    begin_default();
    EXPECT_EQ(parse(), 0);
    for (uint64_t va = 0xf000; va < 0x22000; va += PAGE_SIZE) {
        bool ours = va >= 0x10000 && va < 0x21000 && va != 0x18000;
        struct range taken = range_of(VA(va), 1);
        EXPECT_EQ(aspace_map(s, taken, PROT_RW, &anonymous), 0);
        EXPECT_EQ(aspace_write(s, VA(va), "mine", 4), 0);
        EXPECT_EQ(elf_load(s, &elf, image, image_pa, 0), ours ? -EEXIST : 0);
        EXPECT_EQ(byte_at(s, va), 'm');
        if (ours) {
            EXPECT_EQ(lines(), 1);
            EXPECT_EQ(aspace_unmap(s, taken), 0);
        } else {
            EXPECT_EQ(aspace_unmap(s, taken), 0);
            is_as_wanted(s, image_pa, 0);
            EXPECT_EQ(aspace_unmap(s, range_of(VA(0x10000), 0x20)), 0);
        }
        EXPECT_EQ(lines(), 0);
    }
    end();
}

/* All allocations from the n-th on fail, for each n until none is needed. */
static void fail_each(paddr_t pa)
{
    for (uint64_t n = 0;; n++) {
        s = aspace_create(ASPACE_USER);
        if (!EXPECT(s)) return;
        page_fail_after(n);
        int err = elf_load(s, &elf, image, pa, 0);
        page_fail_never();
        if (err == 0) {
            EXPECT(n > 4);
            is_as_wanted(s, pa, 0);
            return;
        }
        EXPECT_EQ(err, -ENOMEM);
        EXPECT_EQ(lines(), 0);
        EXPECT_STR(aspace_check(&s, 1), NULL);
        aspace_destroy(s);
        drain();
        if (!EXPECT_EQ(page_free_count(), frames_before)) return;
    }
}

TEST(every_failing_allocation_in_turn_leaves_nothing_mapped_and_nothing_lost)
{
    begin_default();
    elf_add(image, PT_LOAD, 0, 0x6123, 0x40123, 0x1800);
    elf_add(image, PT_LOAD, PF_R, 0x9123, 0x40000123, 0x3800)->p_memsz = 0x400000;
    aspace_destroy(s);
    EXPECT_EQ(parse(), 0);
    fail_each(image_pa);
    end();
    drain();
    fail_each(PA(0));
    end();
}

/* The end of the last segment but for bss is where the next may begin, in any order. */
static void add_random(void)
{
    unsigned n = 1 + (unsigned)test_random_below(6);
    uint64_t va = 0x1000 + test_random_below(0x2000);

    for (unsigned i = 0; i < n; i++) {
        uint64_t offset = PAGE_SIZE + test_random_below(4) * PAGE_SIZE + va % PAGE_SIZE;
        uint64_t filesz = test_random_below(3) ? test_random_below(0x3800) : 0;
        uint64_t more = test_random_below(3) ? test_random_below(0x2800) : 0;
        unsigned flags = (unsigned)test_random_below(8);

        elf_add(image, PT_LOAD, flags, offset, va, filesz)->p_memsz += more;
        va += filesz + more + (test_random_below(2) ? test_random_below(0x2000) : 0);
        Elf64_Phdr *last = elf_header_at(image, i);
        Elf64_Phdr *other = elf_header_at(image, (unsigned)test_random_below(i + 1));
        Elf64_Phdr swap = *last;
        *last = *other;
        *other = swap;
    }
    elf_add(image, PT_LOAD, PF_X, 0x6000, va, 2 + test_random_below(0x2000));
    elf_header_at(image, n)->p_offset += va % PAGE_SIZE;
    ((Elf64_Ehdr *)image)->e_entry = va + va % 2;
}

/* rows: W24 D13 D22 */
TEST(random_programs_look_as_their_bytes_say)
{
    for (unsigned round = 0; round < 300; round++) {
        begin(0);
        add_random();
        if (!loads_from(test_random_below(2) ? image_pa : PA(0))) return;
        end();
    }
}
