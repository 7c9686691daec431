/* Addresses, page numbers, ranges and flags, as the tutorials define them. */
// sources: kernel/demo/sv39.c kernel/demo/flags.c

#include "demo/flags.h"
#include "demo/sv39.h"
#include "demo/vpn.h"
#include "test.h"

#include "arch/riscv/pte.h"

/* rows: E07 E50 R01 */
TEST(the_four_kinds_of_address_are_four_types)
{
#define KIND(x) _Generic((x), paddr_t : 1, vaddr_t : 2, pfn_t : 3, vpn_t : 4)
    EXPECT_EQ(KIND(PA(0)), 1);
    EXPECT_EQ(KIND(VA(0)), 2);
    EXPECT_EQ(KIND(PFN(0)), 3);
    EXPECT_EQ(KIND(VPN(0)), 4);
    EXPECT(PA(1).raw < PA(2).raw && VA(7).raw == 7);
}

/* rows: E08 E09 R03 */
TEST(a_page_contains_its_addresses_and_starts_on_its_boundary)
{
    EXPECT_EQ(pa_floor(PA(0x81000fff)).raw, 0x81000000);
    EXPECT_EQ(pfn_to_pa(pa_to_pfn(PA(0x81000fff))).raw, 0x81000000);
    EXPECT_EQ(va_floor(VA(0x10000fff)).raw, 0x10000000);
    EXPECT_EQ(vpn_to_va(vpn_floor(VA(0x10000fff))).raw, 0x10000000);
    EXPECT(va_page_aligned(VA(0x1000)) && !va_page_aligned(VA(0x1001)));
    EXPECT(pa_page_aligned(PA(0)) && !pa_page_aligned(PA(0xfff)));
    EXPECT_EQ(va_offset(VA(0x12345678)), 0x678);
}

/* rows: E13 */
TEST(a_page_has_4096_bytes_and_a_table_512_entries)
{
    EXPECT_EQ(PAGE_SIZE, 4096);
    EXPECT_EQ(SV39_ENTRIES, 512);
}

/* rows: E18 E27 */
TEST(indices_follow_the_formula_and_not_the_slips_of_the_text)
{
    vaddr_t va = VA(0x12345678);

    EXPECT_EQ(va_index(va, 2), 0);
    EXPECT_EQ(va_index(va, 1), 145);
    EXPECT_EQ(va_index(va, 0), 325);
    EXPECT_EQ(va_index(VA(0x10000000), 2), 0);
    EXPECT_EQ(va_index(VA(0x10000000), 1), 128);
    EXPECT_EQ(va_index(VA(0x10000000), 0), 0);
}

/* rows: R05 */
TEST(the_three_indexes_of_a_page_come_in_the_order_of_the_walk)
{
    struct vpn_indexes i = vpn_indexes(VPN(5ul << 18 | 6ul << 9 | 7));

    EXPECT_EQ(i.at[0], 5);
    EXPECT_EQ(i.at[1], 6);
    EXPECT_EQ(i.at[2], 7);
    EXPECT_EQ(vpn_indexes(VPN((1ul << 27) - 1)).at[0], 511);
}

/* rows: R02 D24 */
TEST(an_address_in_the_upper_half_keeps_its_sign)
{
    vaddr_t top = VA(0xfffffffffffff000);

    EXPECT_EQ(vpn_floor(top).raw, (1ul << 27) - 1);
    EXPECT_EQ(vpn_to_va(vpn_floor(top)).raw, top.raw);
    EXPECT_EQ(vpn_to_va(VPN(1ul << 26)).raw, 0xffffffc000000000);
    EXPECT_EQ(vpn_to_va(VPN((1ul << 26) - 1)).raw, 0x3ffffff000);
}

/* rows: R02 D03 */
TEST(an_address_out_of_range_is_refused_and_never_repaired)
{
    EXPECT(sv39_canonical(VA(0)) && sv39_canonical(VA((1ul << 38) - 1)));
    EXPECT(sv39_canonical(VA(0xffffffc000000000)) && sv39_canonical(VA(UINT64_MAX)));
    EXPECT(!sv39_canonical(VA(1ul << 38)) && !sv39_canonical(VA(1ul << 39)));
    EXPECT(!sv39_canonical(VA(0xffffffbffffff000)) && !sv39_canonical(VA(1ul << 63)));
}

/* rows: R03 D24 */
TEST(rounding_up_moves_only_what_is_inside_a_page)
{
    EXPECT_EQ(vpn_ceil(VA(0)).raw, 0);
    EXPECT_EQ(vpn_ceil(VA(1)).raw, 1);
    EXPECT_EQ(vpn_ceil(VA(0x1000)).raw, 1);
    EXPECT_EQ(vpn_ceil(VA(0x1001)).raw, 2);
    EXPECT_EQ(vpn_ceil(VA(UINT64_MAX)).raw, 1ul << 27);
    EXPECT_EQ(va_ceil(VA(0)).raw, 0);
    EXPECT_EQ(va_ceil(VA(0x1fff)).raw, 0x2000);
    EXPECT_EQ(pa_ceil(PA(0x80012345)).raw, 0x80013000);
    EXPECT_EQ(pa_ceil(PA(0x80013000)).raw, pa_floor(PA(0x80013000)).raw);
}

/* rows: R04 */
TEST(only_an_aligned_address_converts_to_the_page_that_starts_there)
{
    EXPECT_EQ(vpn_exact(VA(0x5000)).raw, 5);
    EXPECT_EQ(pfn_exact(PA(0x80000000)).raw, 0x80000);
    EXPECT_EQ(pfn_to_pa(PFN(0x80000)).raw, 0x80000000);
    EXPECT_ASSERTION(vpn_exact(VA(0x5001)));
    EXPECT_ASSERTION(pfn_exact(PA(0x80000fff)));
}

static unsigned count_pages(struct vpn_range r, vpn_t *last)
{
    unsigned n = 0;

    for (vpn_t vpn; vpn_next(&r, &vpn); n++) {
        *last = vpn;
    }
    return n;
}

/* rows: R06 */
TEST(a_range_of_pages_visits_all_but_its_end)
{
    struct vpn_range r = vpn_range(VPN(20), VPN(200));
    vpn_t last = VPN(0);

    EXPECT_EQ(count_pages(r, &last), 180);
    EXPECT_EQ(last.raw, 199);
    EXPECT_EQ(vpn_range_count(r), 180);
    EXPECT_EQ(count_pages(vpn_range(VPN(7), VPN(7)), &last), 0);
    EXPECT(r.start.raw == 20 && r.end.raw == 200);
    EXPECT(vpn_range_overlaps(r, vpn_range(VPN(199), VPN(300))));
    EXPECT(!vpn_range_overlaps(r, vpn_range(VPN(200), VPN(300))));
}

/* rows: R06 */
TEST(a_range_that_ends_before_it_starts_is_a_bug)
{
    EXPECT_ASSERTION(vpn_range(VPN(2), VPN(1)));
    EXPECT(strstr(crash_message, "start.raw <= end.raw") != NULL);
}

/* rows: E19 R07 R21 W10 */
TEST(flags_are_the_bits_that_the_hardware_defines)
{
    EXPECT(SV39_V == 1 && SV39_R == 2 && SV39_W == 4 && SV39_X == 8);
    EXPECT(SV39_U == 16 && SV39_G == 32 && SV39_A == 64 && SV39_D == 128);
    EXPECT_EQ(SV39_OWNED, 1 << 8);
    EXPECT_EQ(SV39_R | SV39_X, 0xa);
    EXPECT_EQ(SV39_R | SV39_W, 0x6);
    EXPECT(SV39_V == PTE_V && SV39_R == PTE_R && SV39_W == PTE_W && SV39_X == PTE_X);
    EXPECT(SV39_U == PTE_U && SV39_G == PTE_G && SV39_A == PTE_A && SV39_D == PTE_D);
}

/* rows: R21 */
TEST(permissions_of_the_kernel_proper_are_the_entry_bits_shifted_by_one)
{
    EXPECT_EQ(PROT_R << 1, PTE_R);
    EXPECT_EQ(PROT_W << 1, PTE_W);
    EXPECT_EQ(PROT_X << 1, PTE_X);
}

/* rows: W17 W18 */
TEST(flags_are_read_from_letters_in_any_order)
{
    static const struct {
        const char *text;
        unsigned flags;
    } cases[] = {
        {"X_RV", 0xb},      {"__RV", 3},        {"_WRV", 7},   {"U_WRV", 0x17},
        {"U___V", 0x11},    {"__G_XWRV", 0x2f}, {"RV", 3},     {"W_V", 5},
        {"DAGUXWRV", 0xff}, {"VRWXUGAD", 0xff}, {"x_rv", 0xb}, {"", 0},
        {"____", 0},        {"q? V", 1},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        EXPECT_EQ(sv39_flags_parse(cases[i].text), cases[i].flags);
    }
}

/* rows: W17 */
TEST(flags_are_printed_from_the_highest_bit_down)
{
    EXPECT_STR(sv39_flags_print(0xff).text, "DAGUXWRV");
    EXPECT_STR(sv39_flags_print(0xb).text, "____X_RV");
    EXPECT_STR(sv39_flags_print(0).text, "________");
    for (unsigned flags = 0; flags < 256; flags++) {
        EXPECT_EQ(sv39_flags_parse(sv39_flags_print(flags).text), flags);
    }
}

/* rows: E14 E15 R07 R08 */
TEST(an_entry_holds_44_bits_of_frame_number_and_its_flags)
{
    const pfn_t all_ones = PFN(0xfffffffffff);
    struct sv39_entry e = sv39_entry(all_ones, SV39_R | SV39_V);

    EXPECT_EQ(sizeof(e), 8);
    EXPECT_EQ(e.raw, 0x3ffffffffffc03);
    EXPECT_EQ(sv39_pfn(e).raw, all_ones.raw);
    EXPECT_EQ(pfn_to_pa(sv39_pfn(e)).raw, 0xfffffffffff000);
    e.raw |= 0x3fful << 54;
    EXPECT_EQ(sv39_pfn(e).raw, all_ones.raw);
    EXPECT_EQ(sv39_flags(e), SV39_R | SV39_V);
    EXPECT_EQ(sv39_entry(PFN(0x81234), 0xf).raw, 0x81234ul << 10 | 0xf);
}

/* rows: E14 E15 R08 */
TEST(an_entry_is_valid_by_one_bit_and_a_leaf_by_any_of_three)
{
    EXPECT(!sv39_valid((struct sv39_entry){0}));
    for (unsigned flags = 0; flags < 256; flags++) {
        struct sv39_entry e = sv39_entry(PFN(1), flags);
        EXPECT_EQ(sv39_valid(e), flags & 1);
        EXPECT_EQ(sv39_leaf(e), (flags & 0xe) != 0);
        EXPECT_EQ(sv39_flags(e), flags);
    }
}

/* rows: E16 */
TEST(a_table_is_one_aligned_page_and_knows_its_bounds)
{
    static struct sv39_table table;

    EXPECT_EQ(sizeof(table), 4096);
    EXPECT_EQ(_Alignof(struct sv39_table), 4096);
    memset(&table, 0xa5, sizeof(table));
    sv39_table_zero(&table);
    for (unsigned i = 0; i < SV39_ENTRIES; i++) {
        EXPECT_EQ(sv39_slot(&table, i)->raw, 0);
    }
    EXPECT_ASSERTION(sv39_slot(&table, 512));
}
