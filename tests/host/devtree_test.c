/*
 * The device tree reader, on trees made here with libfdt's sequential writer: good
 * ones, lying ones, and ones that were cut or scribbled on.
 */
// sources: kernel/drivers/devtree.c kernel/drivers/devtree_devices.c
// sources: kernel/drivers/devtree_harts.c kernel/drivers/devtree_isa.c
// sources: kernel/drivers/devtree_read.c kernel/drivers/phys_ranges.c
// sources: kernel/lib/log.c kernel/lib/printf.c
// libs: -lfdt
#include "drivers/devtree.h"

#include "drivers/devtree_isa.h"
#include "drivers/fdt.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

enum { TREE_SIZE = 65536, BLOB_AT = 0x87e00000 };

static uint64_t tree_words[TREE_SIZE / 8];
static void *const tree = tree_words;
static struct devtree dt;

/* The writer. A step that fails is a mistake of the test. */
#define MUST(step)                                                               \
    do {                                                                         \
        int must_err = (step);                                                   \
        if (must_err < 0)                                                        \
            fprintf(stderr, "%s: %s\n", #step, fdt_strerror(must_err)), abort(); \
    } while (0)

static void open_node(const char *name) { MUST(fdt_begin_node(tree, name)); }
static void close_node(void) { MUST(fdt_end_node(tree)); }
static void put_u32(const char *name, uint32_t n)
{
    MUST(fdt_property_u32(tree, name, n));
}
static void put_bytes(const char *name, const void *at, size_t len)
{
    MUST(fdt_property(tree, name, at, (int)len));
}
static void put_string(const char *name, const char *s)
{
    put_bytes(name, s, strlen(s) + 1);
}

/* A property of 64-bit numbers, each as two cells. */
static void put_u64s(const char *name, unsigned n, const uint64_t *numbers)
{
    fdt64_t cells[64];

    for (unsigned i = 0; i < n; i++) {
        cells[i] = cpu_to_fdt64(numbers[i]);
    }
    put_bytes(name, cells, n * sizeof(cells[0]));
}
static void put_u32s(const char *name, unsigned n, const uint32_t *numbers)
{
    fdt32_t cells[64];

    for (unsigned i = 0; i < n; i++) {
        cells[i] = cpu_to_fdt32(numbers[i]);
    }
    put_bytes(name, cells, n * sizeof(cells[0]));
}
#define U64S(name, ...) \
    put_u64s(name, sizeof((uint64_t[]){__VA_ARGS__}) / 8, (const uint64_t[]){__VA_ARGS__})
#define U32S(name, ...) \
    put_u32s(name, sizeof((uint32_t[]){__VA_ARGS__}) / 4, (const uint32_t[]){__VA_ARGS__})

static void put_cells(uint32_t address, uint32_t size)
{
    put_u32("#address-cells", address);
    put_u32("#size-cells", size);
}

/* A tree starts with the root open; `reserved` fills the memory reservation block. */
static void begin_reserving(unsigned n, const uint64_t *start_size)
{
    MUST(fdt_create(tree, TREE_SIZE));
    for (unsigned i = 0; i < n; i++) {
        MUST(fdt_add_reservemap_entry(tree, start_size[2 * i], start_size[2 * i + 1]));
    }
    MUST(fdt_finish_reservemap(tree));
    open_node("");
}
static void begin_tree(void)
{
    begin_reserving(0, NULL);
    put_cells(2, 2);
}

static int parse(void) { return devtree_parse(&dt, tree, TREE_SIZE, PA(BLOB_AT)); }

static int end_tree(void)
{
    close_node();
    MUST(fdt_finish(tree));
    return parse();
}

static void memory_node(void)
{
    open_node("memory@80000000");
    put_string("device_type", "memory");
}
static void put_ram(void)
{
    memory_node();
    U64S("reg", 0x80000000, 128 << 20);
    close_node();
}

static void open_cpu(unsigned hartid)
{
    char name[16];

    snprintf(name, sizeof(name), "cpu@%x", hartid);
    open_node(name);
    put_string("device_type", "cpu");
    put_u32("reg", hartid);
}
static void open_cpus(void)
{
    open_node("cpus");
    put_cells(1, 0);
    put_u32("timebase-frequency", 10000000);
}
static void put_cpus(void)
{
    open_cpus();
    open_cpu(0);
    close_node();
    close_node();
}
/* The least a machine has. */
static void put_basics(void)
{
    put_ram();
    put_cpus();
}

static bool is_range(struct phys_range r, uint64_t start, uint64_t end)
{
    return EXPECT_EQ(r.start.raw, start) & EXPECT_EQ(r.end.raw, end);
}

/* ---- RAM ---- */

TEST(several_banks_with_holes_are_sorted_and_touching_ones_joined)
{
    begin_tree();
    memory_node();
    U64S("reg", 0x200000000, 0x40000000, 0x80000000, 0x10000000);
    close_node();
    open_node("memory@90000000");
    put_string("device_type", "memory");
    U64S("reg", 0x90000000, 0x1000, 0xa0000000, 0x2000);
    close_node();
    put_cpus();
    EXPECT_EQ(end_tree(), 0);
    EXPECT_EQ(dt.nram, 3);
    is_range(dt.ram[0], 0x80000000, 0x90001000);
    is_range(dt.ram[1], 0xa0000000, 0xa0002000);
    is_range(dt.ram[2], 0x200000000, 0x240000000);
}

TEST(banks_with_one_cell_each_are_read)
{
    begin_reserving(0, NULL);
    put_cells(1, 1);
    memory_node();
    U32S("reg", 0x80000000, 0x8000000, 0xc0000000, 0x1000);
    close_node();
    put_cpus();
    EXPECT_EQ(end_tree(), 0);
    EXPECT_EQ(dt.nram, 2);
    is_range(dt.ram[0], 0x80000000, 0x88000000);
    is_range(dt.ram[1], 0xc0000000, 0xc0001000);
}

TEST(ram_shrinks_to_whole_pages_and_vanishes_if_none_is_whole)
{
    begin_tree();
    memory_node();
    U64S("reg", 0x80000001, 0x3fff, 0x90000800, 0x1000, 0xa0000001, 0x1000);
    close_node();
    put_cpus();
    EXPECT_EQ(end_tree(), 0);
    EXPECT_EQ(dt.nram, 1);
    is_range(dt.ram[0], 0x80001000, 0x80004000);
}

TEST(banks_that_are_empty_wrap_overlap_or_lie_out_of_reach_are_ignored)
{
    begin_tree();
    memory_node();
    U64S("reg", 0x80000000, 0x1000000, 0x90000000, 0, UINT64_MAX - 0xfff, 0x2000,
         1ul << 56, 0x1000, 0xfffffffffffff000, 0x1000, 0x80ff0000, 0x100000, 0x80000000,
         0x1000000);
    close_node();
    put_cpus();
    EXPECT_EQ(end_tree(), 0);
    EXPECT_EQ(dt.nram, 1);
    is_range(dt.ram[0], 0x80000000, 0x81000000);
}

TEST(more_banks_than_there_is_room_for_are_ignored)
{
    uint64_t reg[2 * (DEVTREE_RAM + 3)];

    for (unsigned i = 0; i < DEVTREE_RAM + 3; i++) {
        reg[2 * i] = 0x80000000ul + i * 0x10000;
        reg[2 * i + 1] = 0x1000;
    }
    begin_tree();
    memory_node();
    put_u64s("reg", 2 * (DEVTREE_RAM + 3), reg);
    close_node();
    put_cpus();
    EXPECT_EQ(end_tree(), 0);
    EXPECT_EQ(dt.nram, DEVTREE_RAM);
    is_range(dt.ram[DEVTREE_RAM - 1], 0x800f0000, 0x800f1000);
}

TEST(a_disabled_memory_node_is_not_ram)
{
    begin_tree();
    memory_node();
    U64S("reg", 0x80000000, 0x1000);
    put_string("status", "disabled");
    close_node();
    put_cpus();
    EXPECT_EQ(end_tree(), -ENODEV);
    EXPECT_STR(dt.error, "the device tree lists no RAM");
}

/* ---- what the kernel cannot run without ---- */

/* rows: D20 */
TEST(a_tree_without_ram_harts_or_timebase_is_refused_with_the_reason)
{
    begin_tree();
    put_cpus();
    EXPECT_EQ(end_tree(), -ENODEV);
    EXPECT_STR(dt.error, "the device tree lists no RAM");

    begin_tree();
    put_ram();
    EXPECT_EQ(end_tree(), -ENODEV);
    EXPECT_STR(dt.error, "the device tree lists no usable hart");

    begin_tree();
    put_ram();
    open_node("cpus");
    put_cells(1, 0);
    open_cpu(0);
    close_node();
    close_node();
    EXPECT_EQ(end_tree(), -ENODEV);
    EXPECT_STR(dt.error, "the device tree has no timebase-frequency");
}

TEST(bytes_that_are_no_tree_are_refused_with_the_reason)
{
    begin_tree();
    put_basics();
    EXPECT_EQ(end_tree(), 0);
    EXPECT(dt.error == NULL);

    EXPECT_EQ(devtree_parse(&dt, tree, fdt_totalsize(tree) - 1, PA(BLOB_AT)), -EINVAL);
    EXPECT_STR(dt.error, "the device tree is cut short or larger than its limit");
    EXPECT_EQ(devtree_parse(&dt, tree, 0, PA(BLOB_AT)), -EINVAL);
    EXPECT_EQ(devtree_parse(&dt, (char *)tree + 4, TREE_SIZE - 4, PA(BLOB_AT)), -EINVAL);
    EXPECT_STR(dt.error, "the device tree is not aligned to 8 bytes");
    tree_words[0] = 0;
    EXPECT_EQ(parse(), -EINVAL);
    EXPECT_STR(dt.error, "there is no device tree: wrong magic number");
}

/* ---- reserved ranges ---- */

TEST(every_kind_of_reserved_range_is_kept_and_grown_to_whole_pages)
{
    begin_reserving(1, (const uint64_t[]){0x80000000, 0x40001});
    put_cells(2, 2);
    put_basics();
    open_node("reserved-memory");
    put_cells(2, 2);
    put_bytes("ranges", NULL, 0);
    open_node("mmode@80050000");
    U64S("reg", 0x80050800, 0x1000, 0x81000000, 0x10);
    close_node();
    open_node("anywhere");
    U64S("size", 0x100000);
    close_node();
    close_node();
    open_node("chosen");
    U64S("linux,initrd-start", 0x84200000);
    U64S("linux,initrd-end", 0x84200123);
    close_node();
    EXPECT_EQ(end_tree(), 0);
    EXPECT_EQ(dt.nreserved, 5);
    is_range(dt.reserved[0], 0x80000000, 0x80041000);
    is_range(dt.reserved[1], 0x80050000, 0x80052000);
    is_range(dt.reserved[2], 0x81000000, 0x81001000);
    is_range(dt.reserved[3], 0x84200000, 0x84201000);
    is_range(dt.reserved[4], BLOB_AT,
             BLOB_AT + ((fdt_totalsize(tree) + 0xfff) & ~0xffful));
    is_range(dt.initrd, 0x84200000, 0x84200123);
}

TEST(reserved_ranges_that_do_not_fit_are_joined_with_their_neighbours_and_none_is_lost)
{
    begin_tree();
    put_basics();
    EXPECT_EQ(end_tree(), 0);
    for (unsigned round = 0; round < 200; round++) {
        uint64_t at = 0x80000000 + test_random_below(0x8000000);
        uint64_t size = 1 + test_random_below(0x3000);
        struct phys_ranges list = {dt.reserved, &dt.nreserved, DEVTREE_RESERVED};
        struct phys_range whole = {pa_floor(PA(at)), pa_ceil(PA(at + size))};

        devtree_reserve(&dt, (struct phys_range){PA(at), PA(at + size)});
        EXPECT(phys_ranges_cover(list, whole));
        EXPECT(dt.nreserved <= DEVTREE_RESERVED);
        for (unsigned i = 1; i < dt.nreserved; i++) {
            EXPECT(dt.reserved[i - 1].end.raw < dt.reserved[i].start.raw);
        }
    }
    EXPECT_EQ(dt.nreserved, DEVTREE_RESERVED);
}

TEST(the_smallest_gap_is_the_one_that_is_closed)
{
    struct phys_range at[3] = {{PA(0), PA(1)}, {PA(10), PA(11)}, {PA(14), PA(15)}};
    unsigned count = 3;

    phys_ranges_add_joining((struct phys_ranges){at, &count, 3},
                            (struct phys_range){PA(30), PA(31)});
    EXPECT_EQ(count, 3);
    is_range(at[0], 0, 1);
    is_range(at[1], 10, 15);
    is_range(at[2], 30, 31);
}

TEST(an_initrd_outside_ram_or_upside_down_is_ignored)
{
    static const uint64_t lies[][2] = {
        {0x84200000, 0x84200000}, {0x84201000, 0x84200000}, {0x7fff0000, 0x80010000},
        {0x87fff000, 0x88001000}, {0, UINT64_MAX},          {UINT64_MAX, 0x1000},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
        begin_tree();
        put_basics();
        open_node("chosen");
        put_u64s("linux,initrd-start", 1, &lies[i][0]);
        put_u64s("linux,initrd-end", 1, &lies[i][1]);
        close_node();
        EXPECT_EQ(end_tree(), 0);
        EXPECT_EQ(phys_range_size(dt.initrd), 0);
        EXPECT_EQ(dt.nreserved, 1);
    }
}

/* ---- chosen ---- */

TEST(the_command_line_is_copied_and_cut_to_its_room)
{
    char line[DEVTREE_BOOTARGS + 100];

    begin_tree();
    put_basics();
    open_node("chosen");
    put_string("bootargs", "loglevel=debug 你好");
    put_bytes("rng-seed", "12345678", 8);
    close_node();
    EXPECT_EQ(end_tree(), 0);
    EXPECT_STR(dt.bootargs, "loglevel=debug 你好");
    EXPECT_EQ(dt.rng_seed_len, 8);
    EXPECT_EQ(memcmp(dt.rng_seed, "12345678", 8), 0);

    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = 0;
    begin_tree();
    put_basics();
    open_node("chosen");
    put_string("bootargs", line);
    put_bytes("rng-seed", line, 200);
    close_node();
    EXPECT_EQ(end_tree(), 0);
    EXPECT_EQ(strlen(dt.bootargs), DEVTREE_BOOTARGS - 1);
    EXPECT_EQ(dt.rng_seed_len, DEVTREE_RNG_SEED);
}

TEST(a_command_line_that_does_not_end_is_none)
{
    begin_tree();
    put_basics();
    open_node("chosen");
    put_bytes("bootargs", "abc", 3);
    close_node();
    EXPECT_EQ(end_tree(), 0);
    EXPECT_STR(dt.bootargs, "");
}

/* ---- harts ---- */

TEST(harts_are_listed_in_order_without_the_disabled_and_the_double)
{
    begin_tree();
    put_ram();
    open_cpus();
    open_cpu(5);
    put_string("mmu-type", "riscv,sv57");
    put_string("riscv,isa", "rv64imafdch_zicsr_zicboz_sstc");
    put_u32("riscv,cboz-block-size", 64);
    close_node();
    open_cpu(6);
    put_string("status", "disabled");
    close_node();
    open_cpu(2);
    put_string("status", "okay");
    put_string("mmu-type", "riscv,sv39");
    put_bytes("riscv,isa-extensions", "i\0m\0a\0svadu\0unheardof", 22);
    close_node();
    open_node("cpu@5b");
    put_string("device_type", "cpu");
    put_u32("reg", 5);
    close_node();
    open_node("cpu-map");
    close_node();
    close_node();
    EXPECT_EQ(end_tree(), 0);
    EXPECT_EQ(dt.nharts, 2);
    EXPECT_EQ(dt.timebase, 10000000);
    EXPECT_EQ(dt.harts[0].hartid, 5);
    EXPECT_EQ(dt.harts[0].va_bits, 57);
    EXPECT_EQ(dt.harts[0].cboz_block, 64);
    EXPECT_EQ(dt.harts[1].hartid, 2);
    EXPECT_EQ(dt.harts[1].va_bits, 39);
    EXPECT(devtree_hart_has(&dt, 0, "zicboz") && !devtree_hart_has(&dt, 1, "zicboz"));
    EXPECT(devtree_hart_has(&dt, 0, "c") && !devtree_hart_has(&dt, 1, "c"));
    EXPECT(devtree_hart_has(&dt, 1, "svadu") && !devtree_hart_has(&dt, 0, "svadu"));
    EXPECT(devtree_all_harts_have(&dt, "a") && !devtree_all_harts_have(&dt, "sstc"));
    EXPECT_ASSERTION((void)devtree_hart_has(&dt, 0, "unheardof"));
    EXPECT_ASSERTION((void)devtree_hart_has(&dt, 2, "a"));
}

TEST(more_harts_than_there_is_room_for_are_ignored)
{
    begin_tree();
    put_ram();
    open_cpus();
    for (unsigned i = 0; i < MAX_HARTS + 2; i++) {
        open_cpu(i);
        close_node();
    }
    close_node();
    EXPECT_EQ(end_tree(), 0);
    EXPECT_EQ(dt.nharts, MAX_HARTS);
}

static bool isa_has(const char *isa, const char *name)
{
    uint64_t bit = isa_extension(name, strlen(name));

    return (isa_parse(isa, strlen(isa)) & bit) == bit;
}

TEST(isa_strings_are_read_in_all_their_spellings)
{
    EXPECT(isa_has("rv64gc", "d") && isa_has("rv64gc", "zifencei") &&
           isa_has("rv64gc", "c"));
    EXPECT(isa_has("RV64IMA_Zicboz_SSTC", "zicboz") &&
           isa_has("RV64IMA_Zicboz_SSTC", "sstc"));
    EXPECT(isa_has("rv64i2p1m2a2p1zicsr2p0_svinval1p0", "zicsr"));
    EXPECT(isa_has("rv64i2p1m2a2p1zicsr2p0_svinval1p0", "svinval"));
    EXPECT(isa_has("rv64i2p1m2a2p1zicsr2p0_svinval1p0", "m"));
    EXPECT(isa_has("rv64imafdcsu", "c") && !isa_has("rv64imafdcsu", "s"));
    EXPECT(isa_has("rv64imafdcsuv_sstc", "v") && isa_has("rv64imafdcsuv_sstc", "sstc"));
    EXPECT(isa_has("rv64imab", "zbb") && !isa_has("rv64ima_zbbx", "zbb"));
    EXPECT(!isa_has("rv64ima_zic", "zicsr") && !isa_has("rv64ima_zicbozz", "zicboz"));
    EXPECT_EQ(isa_parse("rv32ima", 7), 0);
    EXPECT_EQ(isa_parse("", 0), 0);
    EXPECT_EQ(isa_parse("rv64", 4), 0);
    EXPECT_EQ(isa_parse("rv64___", 7), 0);
    EXPECT_EQ(isa_parse("rv64é\xff", 7), 0);
}

/* ---- devices ---- */

static void open_device(const char *name, const char *compatible, uint64_t at,
                        uint64_t size)
{
    open_node(name);
    put_string("compatible", compatible);
    U64S("reg", at, size);
}

static void open_soc(void)
{
    open_node("soc");
    put_cells(2, 2);
    put_bytes("ranges", NULL, 0);
}

TEST(the_devices_of_the_machine_are_found_below_their_bus)
{
    begin_tree();
    put_ram();
    open_cpus();
    for (uint32_t i = 0; i < 2; i++) {
        open_cpu(i);
        open_node("interrupt-controller");
        put_string("compatible", "riscv,cpu-intc");
        put_u32("phandle", 7 + i);
        close_node();
        close_node();
    }
    close_node();
    open_soc();
    open_device("virtio@2000", "virtio,mmio", 0x10002000, 0x1000);
    put_u32("interrupts", 2);
    close_node();
    open_device("virtio@1000", "virtio,mmio", 0x10001000, 0x1000);
    put_u32("interrupts", 1);
    close_node();
    open_device("test", "sifive,test1", 0x100000, 0x1000);
    close_node();
    open_device("rtc", "google,goldfish-rtc", 0x101000, 0x1000);
    put_u32("interrupts", 11);
    close_node();
    open_device("plic", "sifive,plic-1.0.0", 0xc000000, 0x600000);
    put_u32("riscv,ndev", 95);
    U32S("interrupts-extended", 7, 11, 7, 9, 8, 11, 8, 9);
    close_node();
    close_node();
    EXPECT_EQ(end_tree(), 0);
    EXPECT_EQ(dt.nvirtio, 2);
    is_range(dt.virtio[0].regs, 0x10001000, 0x10002000);
    EXPECT_EQ(dt.virtio[0].irq, 1);
    EXPECT_EQ(dt.virtio[1].irq, 2);
    is_range(dt.power.regs, 0x100000, 0x101000);
    is_range(dt.rtc.regs, 0x101000, 0x102000);
    EXPECT_EQ(dt.rtc.irq, 11);
    is_range(dt.plic.regs, 0xc000000, 0xc600000);
    EXPECT_EQ(dt.plic_sources, 95);
    EXPECT_EQ(dt.harts[0].plic_context, 1);
    EXPECT_EQ(dt.harts[1].plic_context, 3);
    EXPECT(!devtree_device_present(&dt.uart.dev));
}

TEST(addresses_are_translated_through_the_ranges_of_every_bus)
{
    begin_tree();
    put_basics();
    open_node("outer");
    put_cells(1, 1);
    U32S("ranges", 0x1000, 0x1, 0x20000000, 0x100000); /* to 0x120000000 */
    open_node("inner");
    put_cells(1, 1);
    U32S("ranges", 0, 0x5000, 0x1000, 0x1000, 0x9000, 0x1000);
    open_node("test");
    put_string("compatible", "sifive,test0");
    U32S("reg", 0x1100, 0x100);
    close_node();
    open_node("rtc");
    put_string("compatible", "google,goldfish-rtc");
    U32S("reg", 0x1f80, 0x100); /* leaves the window */
    close_node();
    close_node();
    open_node("unreachable");
    put_cells(1, 1);
    open_node("plic");
    put_string("compatible", "riscv,plic0");
    U32S("reg", 0x2000, 0x100);
    close_node();
    close_node();
    close_node();
    EXPECT_EQ(end_tree(), 0);
    is_range(dt.power.regs, 0x120008100, 0x120008200);
    EXPECT(!devtree_device_present(&dt.rtc));
    EXPECT(!devtree_device_present(&dt.plic));
}

static void put_uart(const char *name, uint64_t at, uint32_t shift, uint32_t width)
{
    open_device(name, "ns16550a", at, 0x100);
    put_u32("interrupts", 10);
    put_u32("reg-shift", shift);
    put_u32("reg-io-width", width);
    close_node();
}

TEST(the_console_is_the_port_that_stdout_path_names_else_the_first)
{
    begin_tree();
    put_basics();
    open_node("chosen");
    put_string("stdout-path", "/soc/serial@20000000:115200n8");
    close_node();
    open_soc();
    put_uart("serial@10000000", 0x10000000, 0, 1);
    put_uart("serial@20000000", 0x20000000, 2, 4);
    put_uart("serial@30000000", 0x30000000, 0, 1);
    close_node();
    EXPECT_EQ(end_tree(), 0);
    is_range(dt.uart.dev.regs, 0x20000000, 0x20000100);
    EXPECT_EQ(dt.uart.reg_shift, 2);
    EXPECT_EQ(dt.uart.io_width, 4);
    EXPECT_EQ(dt.uart.dev.irq, 10);

    begin_tree();
    put_basics();
    open_node("chosen");
    put_string("stdout-path", "/nowhere");
    close_node();
    open_soc();
    put_uart("serial@10000000", 0x10000000, 0, 1);
    put_uart("serial@20000000", 0x20000000, 0, 1);
    close_node();
    EXPECT_EQ(end_tree(), 0);
    is_range(dt.uart.dev.regs, 0x10000000, 0x10000100);
}

TEST(a_port_whose_registers_cannot_be_reached_is_ignored)
{
    static const uint32_t lies[][2] = {{0, 3}, {0, 8}, {40, 1}, {0, 2}, {6, 1}};

    for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
        begin_tree();
        put_basics();
        open_soc();
        put_uart("serial@10000000", 0x10000000, lies[i][0], lies[i][1]);
        put_uart("serial@20000000", 0x20000000, 0, 1);
        close_node();
        EXPECT_EQ(end_tree(), 0);
        is_range(dt.uart.dev.regs, 0x20000000, 0x20000100);
    }
}

TEST(more_virtio_slots_than_there_is_room_for_are_ignored)
{
    begin_tree();
    put_basics();
    open_soc();
    for (unsigned i = 0; i < DEVTREE_VIRTIO + 2; i++) {
        char name[32];
        snprintf(name, sizeof(name), "virtio@%x", i);
        open_device(name, "virtio,mmio", 0x10000000 + i * 0x1000, 0x1000);
        close_node();
    }
    close_node();
    EXPECT_EQ(end_tree(), 0);
    EXPECT_EQ(dt.nvirtio, DEVTREE_VIRTIO);
}

/* ---- damage ---- */

/* A tree with something of everything. */
static void write_full_tree(void)
{
    begin_reserving(1, (const uint64_t[]){0x80000000, 0x40000});
    put_cells(2, 2);
    put_basics();
    open_node("reserved-memory");
    put_cells(2, 2);
    open_node("mmode");
    U64S("reg", 0x80050000, 0x1000);
    close_node();
    close_node();
    open_node("chosen");
    put_string("stdout-path", "/soc/serial@10000000");
    put_string("bootargs", "demo=memory");
    U64S("linux,initrd-start", 0x84200000);
    U64S("linux,initrd-end", 0x84300000);
    close_node();
    open_soc();
    put_uart("serial@10000000", 0x10000000, 0, 1);
    open_device("virtio", "virtio,mmio", 0x10001000, 0x1000);
    close_node();
    open_device("plic", "sifive,plic-1.0.0", 0xc000000, 0x600000);
    U32S("interrupts-extended", 7, 11, 7, 9);
    close_node();
    close_node();
    EXPECT_EQ(end_tree(), 0);
}

/* What holds for every accepted tree. */
static void check_sane(void)
{
    EXPECT(dt.nram > 0 && dt.nram <= DEVTREE_RAM);
    for (unsigned i = 0; i < dt.nram; i++) {
        EXPECT(pa_page_aligned(dt.ram[i].start) && pa_page_aligned(dt.ram[i].end));
        EXPECT(dt.ram[i].start.raw < dt.ram[i].end.raw);
        EXPECT(i == 0 || dt.ram[i - 1].end.raw < dt.ram[i].start.raw);
    }
    EXPECT(dt.nharts > 0 && dt.nharts <= MAX_HARTS && dt.timebase != 0);
    EXPECT(memchr(dt.bootargs, 0, sizeof(dt.bootargs)));
    EXPECT(dt.initrd.start.raw <= dt.initrd.end.raw);
}

TEST(a_tree_cut_off_at_any_byte_is_refused_and_nothing_beyond_is_read)
{
    write_full_tree();
    size_t size = fdt_totalsize(tree);
    for (size_t len = 0; len < size; len++) {
        void *cut = aligned_alloc(8, (len + 7) & ~7ul);
        memcpy(cut, tree, len);
        if (!EXPECT_EQ(devtree_parse(&dt, cut, len, PA(BLOB_AT)), -EINVAL)) return;
        EXPECT(dt.error != NULL);
        free(cut);
    }
}

TEST(a_tree_with_random_damage_is_read_sanely_or_refused)
{
    write_full_tree();
    size_t size = fdt_totalsize(tree);
    unsigned char *copy = aligned_alloc(8, (size + 7) & ~7ul);

    for (int round = 0; round < 20000; round++) {
        memcpy(copy, tree, size);
        for (uint64_t n = 1 + test_random_below(8); n != 0; n--) {
            static const unsigned char nasty[] = {0, 1, 0x7f, 0x80, 0xff};
            copy[test_random_below(size)] = test_random_below(2)
                                                ? nasty[test_random_below(5)]
                                                : (unsigned char)test_random();
        }
        int err = devtree_parse(&dt, copy, size, PA(BLOB_AT));
        if (err == 0) {
            check_sane();
        } else {
            EXPECT((err == -EINVAL || err == -ENODEV) && dt.error);
        }
    }
    free(copy);
}

TEST(extensions_are_written_in_the_order_of_the_manual)
{
    static const char isa[] = "rv64imafdcvh_sstc_zba_zicsr_zicboz";
    uint64_t set = isa_parse(isa, strlen(isa));
    char buf[64];

    EXPECT_EQ(isa_format(set, isa_extension("v", 1), buf, sizeof(buf)), 35 - 2);
    EXPECT_STR(buf, "rv64imafdch_zicsr_zicboz_zba_sstc");
    EXPECT_EQ(isa_parse(buf, strlen(buf)) | isa_extension("v", 1), set);
    EXPECT_EQ(isa_format(set, 0, buf, 8), 34);
    EXPECT_STR(buf, "rv64ima");
    EXPECT_EQ(isa_format(0, 0, buf, 1), 4);
    EXPECT_STR(buf, "");
}
