/* ELF files read: what is a program, what is none, and which words say so. */
// sources: kernel/proc/elf.c
#include "proc/elf.h"

#include "arch/riscv/pte.h"
#include "elf_make.h"
#include "lib/errno.h"
#include "test.h"

#include <stdlib.h>

enum { FILE_SIZE = 0x6000 };

static const struct elf_limits limits = {VA(0x1000), VA(1ul << 38)};

static _Alignas(8) uint8_t image[FILE_SIZE];
static struct elf elf;

static int parse(void) { return elf_parse(image, sizeof(image), limits, &elf); }

/* What linkers make: headers and constants, text, data with bss. */
static void begin(void)
{
    memset(image, 0, sizeof(image));
    elf_begin(image, 0x13ee6);
    elf_add(image, PT_LOAD, PF_R, 0, 0x10000, 0x2a00);
    elf_add(image, PT_LOAD, PF_R | PF_X, 0x2a00, 0x13a00, 0x1700);
    elf_add(image, PT_LOAD, PF_R | PF_W, 0x4100, 0x16100, 0x300)->p_memsz = 0x5000;
}

static void expect_segment(unsigned i, uint64_t start, uint64_t file_end, uint64_t end,
                           unsigned prot)
{
    EXPECT_EQ(elf.segment[i].start.raw, start);
    EXPECT_EQ(elf.segment[i].file_end.raw, file_end);
    EXPECT_EQ(elf.segment[i].end.raw, end);
    EXPECT_EQ(elf.segment[i].prot, prot);
}

static void expect_refused(int err, const char *reason)
{
    EXPECT_EQ(parse(), err);
    EXPECT_STR(elf.reason, reason);
}

/* rows: W23 R29 R33 */
TEST(a_program_is_read_as_its_linker_wrote_it)
{
    begin();
    EXPECT_EQ(parse(), 0);
    EXPECT_STR(elf.reason, NULL);
    EXPECT_EQ(elf.type, ELF_EXEC);
    EXPECT_EQ(elf.entry.raw, 0x13ee6);
    EXPECT_EQ(elf.start.raw, 0x10000);
    EXPECT_EQ(elf.end.raw, 0x1b100);
    EXPECT_EQ(elf.nsegments, 3);
    expect_segment(0, 0x10000, 0x12a00, 0x12a00, PROT_R);
    expect_segment(1, 0x13a00, 0x15100, 0x15100, PROT_RX);
    expect_segment(2, 0x16100, 0x16400, 0x1b100, PROT_RW);
    EXPECT_EQ(elf.segment[2].offset, 0x4100);
}

/* rows: W23 R32 */
TEST(what_is_no_program_for_this_machine_is_enoexec)
{
    static const struct {
        unsigned at, value;
        const char *reason;
    } cases[] = {
        {0, 'x', "not an ELF file"},
        {3, 'G', "not an ELF file"},
        {EI_CLASS, ELFCLASS32, "not 64-bit"},
        {EI_DATA, ELFDATA2MSB, "not little-endian"},
        {EI_VERSION, 0, "unknown version of ELF"},
        {offsetof(Elf64_Ehdr, e_version), 2, "unknown version of ELF"},
        {offsetof(Elf64_Ehdr, e_machine), EM_X86_64, "not for RISC-V"},
        {offsetof(Elf64_Ehdr, e_type), ET_REL, "not an executable"},
        {offsetof(Elf64_Ehdr, e_type), ET_CORE, "not an executable"},
        {offsetof(Elf64_Ehdr, e_phentsize), 32, "program headers of unknown size"},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin();
        image[cases[i].at] = (uint8_t)cases[i].value;
        expect_refused(-ENOEXEC, cases[i].reason);
    }
    begin();
    elf_begin(image, 0)->e_phnum = PN_XNUM;
    expect_refused(-ENOEXEC, "too many program headers");
}

/* rows: W24 R32 D22 D24 */
TEST(a_malformed_segment_is_einval)
{
    enum { OFFSET, VADDR, FILESZ, MEMSZ };
    static const struct {
        unsigned field;
        uint64_t value;
        const char *reason;
    } cases[] = {
        {FILESZ, 0x5001, "segment larger in the file than in memory"},
        {OFFSET, FILE_SIZE - 0x2ff, "segment beyond the file"},
        {OFFSET, -0x300ul, "segment beyond the file"},
        {OFFSET, -0x2fful, "segment beyond the file"},
        {OFFSET, 0x4101, "segment at another place in its page than in the file"},
        {VADDR, 0x16900, "segment at another place in its page than in the file"},
        {VADDR, 0x100, "segment below the limit"},
        {VADDR, 0xfff, "segment below the limit"},
        {VADDR, (1ul << 38) - 0x4f00, "segment above the limit"},
        {VADDR, (1ul << 38) + 0x100, "segment above the limit"},
        {VADDR, 0xffffffc080000100, "segment above the limit"},
        {VADDR, -0xf00ul, "segment above the limit"},
        {MEMSZ, (1ul << 38) - 0x16100 + 1, "segment above the limit"},
        {MEMSZ, -1ul, "segment above the limit"},
        {MEMSZ, -0x16100ul, "segment above the limit"},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin();
        Elf64_Phdr *h = elf_header_at(image, 2);
        uint64_t *fields[] = {&h->p_offset, &h->p_vaddr, &h->p_filesz, &h->p_memsz};
        *fields[cases[i].field] = cases[i].value;
        expect_refused(-EINVAL, cases[i].reason);
    }
}

/* rows: D24 */
TEST(a_segment_may_reach_the_limits_and_the_end_of_the_file_exactly)
{
    begin();
    Elf64_Phdr *h = elf_header_at(image, 2);
    h->p_memsz = (1ul << 38) - h->p_vaddr;
    EXPECT_EQ(parse(), 0);
    EXPECT_EQ(elf.end.raw, 1ul << 38);

    begin();
    h = elf_header_at(image, 2);
    h->p_offset = FILE_SIZE - 0x300;
    h->p_vaddr = 0x20000 - 0x300;
    EXPECT_EQ(parse(), 0);

    begin();
    elf_header_at(image, 0)->p_vaddr = 0x1000;
    EXPECT_EQ(parse(), 0);
    EXPECT_EQ(elf.start.raw, 0x1000);
}

TEST(the_first_page_may_be_mapped_only_where_the_caller_says_so)
{
    begin();
    elf_header_at(image, 0)->p_vaddr = 0;
    expect_refused(-EINVAL, "segment below the limit");
    EXPECT_EQ(
        elf_parse(image, sizeof(image), (struct elf_limits){VA(0), limits.end}, &elf), 0);
}

/* rows: R32 */
TEST(program_headers_lie_inside_the_file)
{
    static const uint64_t bad[] = {FILE_SIZE - 3 * 56 + 1, FILE_SIZE, -56ul, -1ul};

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        begin();
        ((Elf64_Ehdr *)image)->e_phoff = bad[i];
        expect_refused(-EINVAL, "program headers beyond the file");
    }
    begin();
    memmove(image + FILE_SIZE - 3 * 56, image + sizeof(Elf64_Ehdr), 3 * 56);
    ((Elf64_Ehdr *)image)->e_phoff = FILE_SIZE - 3 * 56;
    EXPECT_EQ(parse(), 0);
    EXPECT_EQ(elf.phdr.raw, 0);
}

/* rows: D22 */
TEST(segments_come_in_any_order_and_the_end_is_the_highest_one)
{
    static const unsigned order[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                        {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    Elf64_Phdr h[3];

    for (unsigned i = 0; i < 6; i++) {
        begin();
        memcpy(h, elf_header_at(image, 0), sizeof(h));
        for (unsigned k = 0; k < 3; k++)
            *elf_header_at(image, k) = h[order[i][k]];
        EXPECT_EQ(parse(), 0);
        expect_segment(0, 0x10000, 0x12a00, 0x12a00, PROT_R);
        expect_segment(1, 0x13a00, 0x15100, 0x15100, PROT_RX);
        expect_segment(2, 0x16100, 0x16400, 0x1b100, PROT_RW);
        EXPECT_EQ(elf.end.raw, 0x1b100);
    }
}

/* rows: D22 */
TEST(segments_may_share_a_page_but_no_byte)
{
    begin();
    elf_add(image, PT_LOAD, PF_R, 0x5100, 0x15100, 0x100);
    EXPECT_EQ(parse(), 0);
    EXPECT_EQ(elf.nsegments, 4);

    begin();
    elf_add(image, PT_LOAD, PF_R, 0x50ff, 0x150ff, 0x100);
    expect_refused(-EINVAL, "segments overlap");

    begin();
    elf_add(image, PT_LOAD, PF_R, 0, 0x13a00, 0)->p_memsz = 1;
    expect_refused(-EINVAL, "segments overlap");
}

TEST(as_many_segments_as_there_is_room_for_and_one_more)
{
    memset(image, 0, sizeof(image));
    elf_begin(image, 0x10000);
    for (unsigned i = 0; i < ELF_SEGMENTS; i++)
        elf_add(image, PT_LOAD, PF_X, 0, 0x1000000 - i * 0x1000, 1);
    ((Elf64_Ehdr *)image)->e_entry = 0x1000000;
    EXPECT_EQ(parse(), 0);
    EXPECT_EQ(elf.nsegments, ELF_SEGMENTS);
    EXPECT_EQ(elf.segment[0].start.raw, 0x1000000 - (ELF_SEGMENTS - 1) * 0x1000);
    elf_add(image, PT_LOAD, PF_R, 0, 0x2000000, 0);
    EXPECT_EQ(parse(), 0);
    elf_add(image, PT_LOAD, PF_R, 0, 0x2000000, 1);
    expect_refused(-ENOMEM, "too many segments");
}

/* rows: W23 R32 */
TEST(a_program_without_a_segment_is_einval)
{
    begin();
    ((Elf64_Ehdr *)image)->e_phnum = 0;
    expect_refused(-EINVAL, "nothing to load");
    begin();
    for (unsigned i = 0; i < 3; i++)
        elf_header_at(image, i)->p_type = PT_NOTE;
    expect_refused(-EINVAL, "nothing to load");
    begin();
    for (unsigned i = 0; i < 3; i++)
        elf_header_at(image, i)->p_filesz = elf_header_at(image, i)->p_memsz = 0;
    expect_refused(-EINVAL, "nothing to load");
}

/* rows: R32 */
TEST(the_entry_lies_in_an_executable_segment)
{
    static const struct {
        uint64_t entry;
        const char *reason;
    } cases[] = {
        {0, "entry in no executable segment"},
        {0x139fe, "entry in no executable segment"},
        {0x13a00, NULL},
        {0x150fe, NULL},
        {0x15100, "entry in no executable segment"},
        {0x16200, "entry in no executable segment"},
        {0x13a01, "entry at an odd address"},
        {-2ul, "entry in no executable segment"},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin();
        ((Elf64_Ehdr *)image)->e_entry = cases[i].entry;
        expect_refused(cases[i].reason ? -EINVAL : 0, cases[i].reason);
    }
}

TEST(a_segment_of_zeros_alone_needs_no_place_in_the_file)
{
    begin();
    Elf64_Phdr *h = elf_add(image, PT_LOAD, PF_R | PF_W, -5ul, 0x20123, 0);
    h->p_memsz = 0x1000;
    EXPECT_EQ(parse(), 0);
    expect_segment(3, 0x20123, 0x20123, 0x21123, PROT_RW);
}

TEST(what_may_be_written_may_be_read)
{
    static const unsigned prot[8] = {
        PROT_NONE, PROT_X, PROT_RW, PROT_RWX, PROT_R, PROT_RX, PROT_RW, PROT_RWX,
    };

    for (unsigned flags = 0; flags < 8; flags++) {
        begin();
        elf_header_at(image, 0)->p_flags = flags | 0xfff00000;
        EXPECT_EQ(parse(), 0);
        EXPECT_EQ(elf.segment[0].prot, prot[flags]);
    }
}

TEST(a_program_that_can_lie_anywhere_has_addresses_from_its_base)
{
    begin();
    ((Elf64_Ehdr *)image)->e_type = ET_DYN;
    for (unsigned i = 0; i < 3; i++)
        elf_header_at(image, i)->p_vaddr -= 0x10000;
    ((Elf64_Ehdr *)image)->e_entry -= 0x10000;
    EXPECT_EQ(parse(), 0);
    EXPECT_EQ(elf.type, ELF_DYN);
    EXPECT_EQ(elf.start.raw, 0);
    EXPECT_EQ(elf.end.raw, 0xb100);
    EXPECT_EQ(elf.entry.raw, 0x3ee6);
    EXPECT_EQ(elf.phdr.raw, 64);

    /* Between the limits there is room for one page less than the higher one. */
    elf_header_at(image, 2)->p_memsz = (1ul << 38) - 0x1000 - 0x6100;
    EXPECT_EQ(parse(), 0);
    elf_header_at(image, 2)->p_memsz++;
    expect_refused(-EINVAL, "segment above the limit");
}

TEST(notes_for_whoever_starts_the_program)
{
    begin();
    memcpy(image + 0x1000, "/lib/ld.so", 11);
    elf_add(image, PT_INTERP, PF_R, 0x1000, 0x11000, 11);
    elf_add(image, PT_PHDR, PF_R, 64, 0x10040, 6 * 56);
    elf_add(image, PT_GNU_STACK, PF_R | PF_W, 0, 0, 0);
    elf_add(image, PT_TLS, PF_R, -1ul, -1ul, -1ul);
    EXPECT_EQ(parse(), 0);
    EXPECT_EQ(elf.interp_offset, 0x1000);
    EXPECT_EQ(elf.interp_len, 11);
    EXPECT_EQ(elf.phdr.raw, 0x10040);
    EXPECT_EQ(elf.phnum, 7);
    EXPECT(!elf.exec_stack);
    elf_header_at(image, 5)->p_flags |= PF_X;
    EXPECT_EQ(parse(), 0);
    EXPECT(elf.exec_stack);
    EXPECT_EQ(elf.nsegments, 3);
}

TEST(an_interpreter_has_a_path_that_ends)
{
    static const struct {
        uint64_t offset, len;
        const char *reason;
    } cases[] = {
        {0x1000, 10, "interpreter's path that does not end"},
        {0x1000, 12, "interpreter's path that does not end"},
        {0x1000, 1, "interpreter's path of no possible length"},
        {0x1000, 0, "interpreter's path of no possible length"},
        {0x1000, 4097, "interpreter's path of no possible length"},
        {FILE_SIZE - 1, 2, "interpreter's path beyond the file"},
        {0x1000, -0x1000ul, "interpreter's path beyond the file"},
        {-1ul, 2, "interpreter's path beyond the file"},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin();
        memcpy(image + 0x1000, "/lib/ld.so", 11);
        elf_add(image, PT_INTERP, PF_R, cases[i].offset, 0, cases[i].len);
        expect_refused(-EINVAL, cases[i].reason);
    }
    begin();
    memcpy(image + 0x1000, "/lib/ld.so", 11);
    elf_add(image, PT_INTERP, PF_R, 0x1000, 0, 11);
    elf_add(image, PT_INTERP, PF_R, 0x1000, 0, 11);
    expect_refused(-EINVAL, "two interpreters");
}

TEST(a_file_may_lie_at_any_alignment)
{
    static uint8_t room[FILE_SIZE + 8];

    for (unsigned i = 0; i < 8; i++) {
        begin();
        memcpy(room + i, image, sizeof(image));
        EXPECT_EQ(elf_parse(room + i, sizeof(image), limits, &elf), 0);
        EXPECT_EQ(elf.entry.raw, 0x13ee6);
    }
}

/* rows: R32 */
TEST(a_file_that_stops_anywhere_is_refused)
{
    begin();
    for (size_t len = 0; len < 0x4400; len += len < 300 ? 1 : 97) {
        uint8_t *part = malloc(len ? len : 1);
        memcpy(part, image, len);
        int err = elf_parse(part, len, limits, &elf);
        EXPECT(err == (len < 64 ? -ENOEXEC : -EINVAL));
        EXPECT(elf.reason);
        free(part);
    }
    EXPECT_EQ(elf_parse(image, 0x4400, limits, &elf), 0);
}

TEST(the_head_of_a_file_is_enough_if_its_headers_are_in_it)
{
    begin();
    strcpy((char *)image + 0x1000, "/lib/ld.so");
    elf_add(image, PT_INTERP, PF_R, 0x1000, 0x11000, sizeof("/lib/ld.so"));
    size_t needed = 0x1000 + sizeof("/lib/ld.so");

    for (size_t len = 0; len <= 0x1100; len += len < 0xff0 ? 16 : 1) {
        uint8_t *head = malloc(len ? len : 1); /* exactly, for whoever reads behind it */
        memcpy(head, image, len);
        int err = elf_parse_head(head, len, sizeof(image), limits, &elf);
        EXPECT_EQ(err, len < needed ? -ENOEXEC : 0);
        free(head);
    }
    EXPECT_EQ(elf.nsegments, 3);
    EXPECT_EQ(elf.interp_offset, 0x1000);
    EXPECT_EQ(elf_parse_head(image, sizeof(image), 0x4200, limits, &elf), -EINVAL);
    EXPECT_STR(elf.reason, "segment beyond the file");
}

static void expect_promises(void)
{
    EXPECT(elf.nsegments >= 1 && elf.nsegments <= ELF_SEGMENTS);
    for (unsigned i = 0; i < elf.nsegments; i++) {
        const struct elf_segment *s = &elf.segment[i];
        uint64_t filesz = s->file_end.raw - s->start.raw;
        EXPECT(s->start.raw >= (elf.type == ELF_EXEC ? limits.lowest.raw : 0));
        EXPECT(s->start.raw <= s->file_end.raw && s->file_end.raw <= s->end.raw);
        EXPECT(s->start.raw < s->end.raw && s->end.raw <= limits.end.raw);
        EXPECT(i == 0 || s[-1].end.raw <= s->start.raw);
        EXPECT(filesz <= FILE_SIZE && s->offset <= FILE_SIZE - filesz);
        EXPECT(filesz == 0 || (s->offset - s->start.raw) % PAGE_SIZE == 0);
    }
}

/* rows: R32 D22 */
TEST(headers_of_random_bytes_are_refused_or_keep_the_promises)
{
    unsigned accepted = 0;

    for (unsigned round = 0; round < 20000; round++) {
        begin();
        ((Elf64_Ehdr *)image)->e_phnum = (uint16_t)(3 + test_random_below(4));
        for (uint64_t n = test_random_below(6); n > 0; n--) {
            uint64_t at = test_random_below(64 + 5 * 56), value = test_random();
            size_t len = 1ul << test_random_below(4);
            memcpy(image + at, &value, len);
        }
        int err = parse();
        EXPECT(err == 0 || err == -ENOEXEC || err == -EINVAL);
        EXPECT((err == 0) == !elf.reason);
        if (err) continue;
        accepted++;
        expect_promises();
    }
    EXPECT(accepted > 1000);
}
