/*
 * The boot order. kernel_main() is the list; each step is one function, and what a
 * step needs from an earlier one is why the list is in this order.
 *
 * boot.S has brought us to high addresses, on one hart, with the boot root: the image
 * and the direct map of everything below 128 GiB. Until kspace_init() replaces that
 * root, device registers are reached through the direct map too.
 *
 * What can be wrong with a machine (no usable device tree, no memory) is one line on
 * the console and an exit status, never a hang and never a panic.
 */
#include "init.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/directmap.h"
#include "arch/riscv/entry.h"
#include "arch/riscv/frame.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/image.h"
#include "arch/riscv/mmu.h"
#include "arch/riscv/power.h"
#include "arch/riscv/sbi.h"
#include "arch/riscv/timer.h"
#include "arch/riscv/tlb.h"
#include "arch/riscv/trap.h"
#include "crash.h"
#include "demo/heap.h"
#include "demo/memory.h"
#include "demo/run.h"
#include "drivers/devices.h"
#include "drivers/uart.h"
#include "drivers/virtio_console.h"
#include "lib/cmdline.h"
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/kspace.h"
#include "mm/page.h"
#include "mm/reclaim.h"
#include "mm/slab.h"
#include "proc/vdso.h"
#include "proc/wall.h"
#include "sched/load.h"
#include "sched/thread.h"
#include "sched/timer.h"
#include "start.h"
#include "sync/console_lock.h"

/* No device tree is larger, and firmware puts it where so much can be read. */
#define DEVTREE_LIMIT ((size_t)2 << 20)

struct devtree machine;

/* The machine cannot be used: says so, and ends it. */
static _Noreturn void not_booted(const char *why)
{
    log_error("cannot boot: %s", why);
    power_off_blind(STATUS_NOT_BOOTED);
}

static void sbi_write(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        sbi_putchar(bytes[i]);
    }
}

static void read_device_tree(uint64_t dtb)
{
    if (dtb == 0 || dtb >= DIRECTMAP_SIZE - DEVTREE_LIMIT || dtb % 8 != 0) {
        not_booted("firmware gave no device tree");
    }
    int err = devtree_parse(&machine, pa_to_ptr(PA(dtb)), DEVTREE_LIMIT, PA(dtb));
    if (err) not_booted(machine.error);
    log_set_clock(read_time, machine.timebase);
}

static void number_harts(uint64_t boot_hartid)
{
    uint64_t ids[MAX_HARTS];
    bool listed = false;

    for (unsigned i = 0; i < machine.nharts; i++) {
        ids[i] = machine.harts[i].hartid;
        listed |= ids[i] == boot_hartid;
    }
    if (!listed) not_booted("the device tree does not list the hart that booted");
    hart_use_timer(machine.timebase, devtree_all_harts_have(&machine, "sstc"));
    harts_init(ids, machine.nharts, boot_hartid);
    console_lock_init();
}

/* While the boot root has all physical addresses. */
static void find_early_console(void)
{
    if (devtree_device_present(&machine.power)) {
        power_set_test_device(pa_to_ptr(machine.power.regs.start));
    }
    if (devtree_device_present(&machine.uart.dev)) {
        uart_init(&machine.uart, pa_to_ptr(machine.uart.dev.regs.start));
        log_set_sink(uart_write);
    }
}

static void *device_registers(const struct devtree_device *dev)
{
    void *regs = kspace_map_device(dev->regs.start, phys_range_size(dev->regs));

    if (!regs) not_booted("no memory to map devices");
    return regs;
}

/* The same devices once the direct map has RAM only. */
static void map_devices(void)
{
    if (devtree_device_present(&machine.power)) {
        power_set_test_device(device_registers(&machine.power));
    }
    if (devtree_device_present(&machine.uart.dev)) {
        uart_init(&machine.uart, device_registers(&machine.uart.dev));
        log_set_sink(uart_write);
    }
}

/* Does the command line say key=value? */
static bool asked_for(const char *key, const char *value)
{
    const char *given = cmdline_get(key);
    return given && strcmp(given, value) == 0;
}

static void read_command_line(void)
{
    const char *by_firmware = machine.bootargs[0] ? NULL : sbi_default_command_line();
    enum log_level shown;

    if (by_firmware)
        printf_buf(machine.bootargs, sizeof(machine.bootargs), "%s", by_firmware);
    cmdline_parse(machine.bootargs);
    const char *level = cmdline_get("loglevel");
    if (level && log_level_named(level, &shown)) log_set_level(shown);
    log_set_colour(asked_for("log", "colour"));
}

/* Before the first space and its identifiers. */
static void choose_isolation(void)
{
    const char *given = cmdline_get("isolation");

    isolation_split = asked_for("isolation", "split");
    if (given && !isolation_split && strcmp(given, "shared") != 0) {
        log_warn("isolation=%s is neither shared nor split; using shared", given);
    }
}

static void choose_paging(void)
{
    if (asked_for("paging", "sv48") && !mmu_enter_sv48()) {
        log_warn("paging=sv48: this hart has no Sv48; using Sv39");
    }
    tlb_probe(!asked_for("asid", "none")); /* a hart need not have identifiers */
    trap_choose_path();
}

static bool contains_pa(struct phys_range r, paddr_t pa)
{
    return r.start.raw <= pa.raw && pa.raw < r.end.raw;
}

/* The RAM bank that the image lies in. */
static struct phys_range image_bank(void)
{
    paddr_t image = image_pa(image_start);

    for (unsigned i = 0; i < machine.nram; i++) {
        if (contains_pa(machine.ram[i], image)) return machine.ram[i];
    }
    not_booted("the device tree has no RAM where the kernel runs");
}

static bool overlap(struct phys_range a, struct phys_range b)
{
    return a.start.raw < b.end.raw && b.start.raw < a.end.raw;
}

/* The image, and what lies between the start of its RAM and the image: firmware is at the
 * start, and if the tree does not say so, we do not know how far it goes. */
static void reserve_image_and_firmware(void)
{
    paddr_t image = image_pa(image_start);
    struct phys_range below = {image_bank().start, image};
    bool told = below.start.raw == image.raw;

    for (unsigned i = 0; i < machine.nreserved; i++) {
        told |= contains_pa(machine.reserved[i], below.start);
    }
    if (!told) devtree_reserve(&machine, below);
    devtree_reserve(&machine, (struct phys_range){image, image_pa(image_end)});
}

static struct pfn_range pfns_of(struct phys_range r)
{
    return (struct pfn_range){pa_to_pfn(r.start), pa_to_pfn(r.end)};
}

static void add_bank(struct phys_range ram)
{
    struct pfn_range holes[DEVTREE_RESERVED];
    unsigned nholes = 0;

    if (ram.end.raw > DIRECTMAP_SIZE) ram.end = PA(DIRECTMAP_SIZE);
    if (ram.start.raw >= ram.end.raw) return;
    for (unsigned i = 0; i < machine.nreserved; i++) {
        struct phys_range r = machine.reserved[i];
        if (!overlap(r, ram)) continue;
        if (r.start.raw < ram.start.raw) r.start = ram.start;
        if (r.end.raw > ram.end.raw) r.end = ram.end;
        holes[nholes++] = (struct pfn_range){pa_to_pfn(r.start), pa_to_pfn(r.end)};
    }
    page_add_bank((struct pfn_range){pa_to_pfn(ram.start), pa_to_pfn(ram.end)}, holes,
                  nholes);
}

static void add_memory(void)
{
    reserve_image_and_firmware();
    for (unsigned i = 0; i < machine.nram; i++) {
        add_bank(machine.ram[i]);
    }
    if (page_free_count() == 0) not_booted("no usable memory");
    if (slab_init()) not_booted("no memory for the kernel heap");
    if (devtree_all_harts_have(&machine, "zicboz") &&
        frame_use_cbo_zero(machine.harts[0].cboz_block)) {
        log_info("frames are cleared by cbo.zero");
    }
}

/* Meanwhile the firmware prints, since the UART's registers leave the direct map. */
static void build_kernel_space(void)
{
    struct pfn_range ram[DEVTREE_RAM];

    for (unsigned i = 0; i < machine.nram; i++) {
        ram[i] = pfns_of(machine.ram[i]);
    }
    log_set_sink(sbi_write);
    if (aspace_init(paging_levels()) || kspace_init(ram, machine.nram)) {
        not_booted("the kernel's address space cannot be made");
    }
    map_devices();
}

static void print_section(const char *name, const char *start, const char *end)
{
    log_info("%s 0x%08lx..0x%08lx", name, image_pa(start).raw, image_pa(end).raw);
}

static void print_map(void)
{
    print_section(".text ---->", image_start, text_end);
    print_section(".rodata -->", rodata_start, rodata_end);
    print_section(".data ---->", data_start, data_end);
    print_section(".bss ----->", bss_start, bss_end);
    log_info("(heap) ---> 0x%08lx..0x%08lx", image_pa(image_end).raw,
             image_bank().end.raw);
    log_info("%u of %u harts, hart %lu first, Sv%u, isolation=%s, %lu KiB free",
             (unsigned)__builtin_popcountl(harts_online()), nharts, this_hart()->hartid,
             paging_levels() == 4 ? 48 : 39, isolation_split ? "split" : "shared",
             page_free_count() * (PAGE_SIZE >> 10));
}

/* Background work: frames are cleared ahead of need. */
bool hart_idle_work(void) { return page_zero_one(); }

/* The frames where the first tutorial has its heap, kept from others until it runs. */
static struct page *demo_heap_place;

static void keep_demo_heap_place(void)
{
    enum { HEAP_ORDER = 8 };

    static_assert(1 << HEAP_ORDER == DEMO_HEAP_PAGES, "a block is a heap");
    if (!asked_for("demo", "memory")) return;
    demo_heap_place = page_alloc_at(pa_to_pfn(DEMO_HEAP_START), HEAP_ORDER, PAGE_KERNEL);
}

/* The first tutorial's demonstration; demo-fail= names the step to make fail. */
static unsigned memory_demo(void)
{
    struct phys_range ram = image_bank();

    hart_idle_pause(); /* the demonstration asks for frames by number: nobody moves them */
    if (demo_heap_place) page_free(demo_heap_place);
    int failed = demo_memory(ram.start, ram.end, cmdline_get("demo-fail"));
    hart_idle_resume();
    return failed != 0;
}

/* The programs that came with the kernel as an initrd, if there is one, else ours. */
static int programs_demo(void)
{
    size_t size = phys_range_size(machine.initrd);

    return demo_programs(size ? pa_to_ptr(machine.initrd.start) : NULL, size);
}

/* The number that follows `key`, or `otherwise`. */
static uint64_t number_asked_for(const char *key, uint64_t otherwise)
{
    if (cmdline_number(key, &otherwise) == -EINVAL) log_warn("%s= is not a number", key);
    return otherwise;
}

/* demo=torture seed=7 seconds=10, or demo=soak */
static int torture_demo(int (*demo)(uint64_t seed, uint64_t seconds))
{
    return demo(number_asked_for("seed", 1), number_asked_for("seconds", 5));
}

/* Runs what the command line asks for; the machine's exit status. */
static int run_command_line(void)
{
    const char *part = cmdline_get("ktest"); /* names of tests, or of benchmarks */
    const char *what = cmdline_get("crash");
    unsigned failed = 0;

    if (what) crash(what);
    ports_settle(); /* which takes frames: now, and not while somebody counts them */
    if (cmdline_flag("test") || part) failed += ktest_run_all(part);
    if (cmdline_flag("bench")) failed += kbench_run_all(part);
    if (asked_for("demo", "memory")) failed += memory_demo();
    if (asked_for("demo", "programs")) failed += (unsigned)programs_demo();
    if (asked_for("demo", "suite")) failed += (unsigned)demo_suite();
    if (asked_for("demo", "torture")) failed += (unsigned)torture_demo(demo_torture);
    if (asked_for("demo", "soak")) failed += (unsigned)torture_demo(demo_soak);
    return failed != 0;
}

/* What the world's clock says, and the object in programs that reads it. */
static void start_wall_clock(void)
{
    if (vdso_init()) not_booted("no memory for the vDSO");
    clock_wall_init();
}

/* device-timeout=SECONDS, or 0 for devices that may take for ever. */
static void start_devices(void)
{
    const uint64_t second = 1000000000;
    uint64_t seconds;
    int err = cmdline_number("device-timeout", &seconds);

    if (err == -EINVAL) log_warn("device-timeout= is not a number");
    if (err == 0)
        virtio_timeout_ns = seconds < CLOCK_LAST_NS / second ? seconds * second : 0;
    devices_start(&machine);
}

static _Noreturn void rest_for_ever(void)
{
    for (;;) {
        thread_prepare_to_block();
        thread_block();
    }
}

_Noreturn void kernel_main(uint64_t hartid, uint64_t dtb);
_Noreturn void kernel_main(uint64_t hartid, uint64_t dtb)
{
    log_set_sink(sbi_write);
    read_device_tree(dtb);
    number_harts(hartid);
    find_early_console();
    read_command_line();
    log_info("Kilburn");
    choose_isolation();
    choose_paging();
    add_memory();
    keep_demo_heap_place();
    build_kernel_space();
    if (sched_init() || reclaim_start()) not_booted("no memory for the first threads");
    harts_start();
    load_init();
    start_devices();
    start_wall_clock();
    print_map();

    int status = start_is_asked_for() ? start_programs() : run_command_line();
    if (cmdline_flag("halt")) rest_for_ever();
    log_info("power off, status %d", status);
    power_off(status);
}
