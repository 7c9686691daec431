/*
 * "From physical to virtual memory": the tutorial's program.
 *
 *     [MEMORY]      a frame allocator over the RAM behind the kernel's image
 *     [ALLOCATOR]   a heap of 256 of its frames, and one cell in it
 *     [1]           a page table in one frame
 *     [2] [3]       one page mapped, then found again by a walk
 *     [4]           three neighbouring pages
 *
 * The text is the tutorial's to the byte, and every line is earned: the addresses are
 * this machine's, a check mark is printed only after the step has succeeded (the
 * tutorial prints the last one regardless), and where the frames that the pages map to can
 * be had, they are taken, written through the mapping and read back.
 *
 * The table that is built here is never given to the hardware; the kernel keeps running
 * in its own. tests/guest holds the expected output.
 */
#include "demo/memory.h"

#include "arch/riscv/directmap.h"
#include "arch/riscv/image.h"
#include "demo/heap.h"
#include "demo/manager.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/page.h"

#define RULE "========================================\n"

struct demo {
    struct simple_frames frames;
    struct page *frame_states; /* memory for frames.state */
    struct demo_heap heap;
    struct frame_manager manager;
    const char *fail;
    int failures;
};

/* What is mapped in steps 2 and 4. */
static const vaddr_t one_page = {0x10000000};
static const paddr_t one_frame = {0x81000000};
static const vaddr_t many_pages = {0x20000000};
static const paddr_t many_frames = {0x82000000};
enum { MANY = 3 };
static const unsigned data_flags = SV39_R | SV39_W | SV39_V;

static bool must_fail(const struct demo *d, const char *step)
{
    return d->fail && strcmp(d->fail, step) == 0;
}

static void use_up_frames(struct demo *d)
{
    pfn_t pfn;

    while (simple_frames_alloc(&d->frames, &pfn)) {
    }
}

static unsigned order_for(uint64_t bytes)
{
    unsigned order = 0;

    while (PAGE_SIZE << order < bytes) {
        order++;
    }
    return order;
}

static int memory_init(struct demo *d, paddr_t ram_start, paddr_t ram_end)
{
    paddr_t kernel_end = image_pa(image_end);
    paddr_t start = pa_ceil(kernel_end);
    paddr_t end = pa_floor(ram_end);

    kprintf("[MEMORY] Initializing memory management\n");
    kprintf("[MEMORY] Kernel end: 0x%lx\n", kernel_end.raw);
    kprintf("[MEMORY] Memory range: 0x%lx - 0x%lx\n", ram_start.raw, ram_end.raw);

    page_drain(); /* frames in the harts' caches could not be claimed by number */
    uint64_t nframes = pa_to_pfn(end).raw - pa_to_pfn(start).raw;
    unsigned order = order_for(nframes);
    d->frame_states =
        order <= PAGE_MAX_ORDER ? page_alloc_block(order, PAGE_KERNEL) : NULL;
    if (!d->frame_states) {
        kprintf("[MEMORY] no memory for the frame allocator\n");
        return 1;
    }
    simple_frames_init(&d->frames, &machine_frames, pa_to_pfn(start), pa_to_pfn(end),
                       page_ptr(d->frame_states));
    kprintf("[MEMORY] Frame allocator initialized: 0x%lx - 0x%lx\n", start.raw, end.raw);
    return 0;
}

static void memory_done(struct demo *d)
{
    simple_frames_destroy(&d->frames);
    page_free(d->frame_states);
}

static int init_heap(struct demo *d)
{
    if (must_fail(d, "heap")) use_up_frames(d);
    int err = demo_heap_init(&d->heap, &d->frames);
    if (err) {
        kprintf("[ALLOCATOR] heap initialization failed: %s\n", sv39_error(err));
        return 1;
    }
    kprintf("[ALLOCATOR] Initializing heap at 0x%lx\n", pfn_to_pa(d->heap.first).raw);
    kprintf("[ALLOCATOR] Heap size: %lu bytes\n", DEMO_HEAP_PAGES * PAGE_SIZE);
    kprintf("[ALLOCATOR] Allocating %d pages for heap\n", DEMO_HEAP_PAGES);
    kprintf("[ALLOCATOR] Heap initialized successfully\n");
    return 0;
}

static int test_heap(struct demo *d)
{
    volatile int *cell = demo_heap_alloc(&d->heap, sizeof(*cell), sizeof(*cell));

    if (!cell) return 1;
    *cell = 41;
    kprintf("Heap test: %d\n", *cell);
    return 0;
}

static void print_map_error(struct demo *d, int err)
{
    kprintf("    ✗ 页面映射失败: %s\n\n", sv39_error(err));
    d->failures++;
}

static int create_table(struct demo *d)
{
    kprintf("[1] 创建测试页表...\n");
    frame_manager_init(&d->manager, &d->frames);
    int err = d->manager.pm.ops->new_root(&d->manager.pm);
    if (err) {
        kprintf("    ✗ Failed to allocate page table: %s\n\n", sv39_error(err));
        return 1;
    }
    kprintf("    ✓ 页表已创建\n\n");
    return 0;
}

/* The frame's own contents, seen through the mapping; only for a frame that is ours. */
static bool stores_arrive(struct page_manager *pm, vaddr_t va, paddr_t pa)
{
    volatile uint64_t *through = sv39_translate(pm, va, SV39_R | SV39_W);
    volatile uint64_t *direct = pa_to_ptr(pa);

    if (!through) return false;
    *through = va.raw ^ 0x5a5a5a5a;
    return *direct == (va.raw ^ 0x5a5a5a5a);
}

static void test_map(struct demo *d)
{
    struct page_manager *pm = &d->manager.pm;

    kprintf("[2] 测试页面映射...\n");
    int err = sv39_map_page(pm, one_page, one_frame, data_flags);
    if (err)
        print_map_error(d, err);
    else
        kprintf("    ✓ 页面映射成功\n\n");
}

static void test_walk(struct demo *d, bool frame_is_ours)
{
    struct page_manager *pm = &d->manager.pm;
    paddr_t found;

    kprintf("[3] 测试页表遍历...\n");
    if (!sv39_walk_page_table(pm, one_page, &found)) {
        kprintf("    ✗ 页面未映射\n\n");
        d->failures++;
    } else if (found.raw != one_frame.raw ||
               (frame_is_ours && !stores_arrive(pm, one_page, one_frame))) {
        kprintf("    ✗ 地址转换错误\n\n");
        d->failures++;
    } else {
        kprintf("    ✓ 地址转换验证成功!\n\n");
    }
}

static void test_many(struct demo *d, bool frames_are_ours)
{
    struct page_manager *pm = &d->manager.pm;
    int failed = 0;

    kprintf("[4] 映射多个连续页面...\n");
    for (unsigned i = 0; i < MANY; i++) {
        vaddr_t va = va_add(many_pages, i * PAGE_SIZE);
        paddr_t pa = pa_add(many_frames, i * PAGE_SIZE);
        int err = sv39_map_page(pm, va, pa, data_flags);

        if (err) {
            kprintf("    ✗ 页面 %u 映射失败: %s\n", i, sv39_error(err));
            failed++;
        } else if (frames_are_ours && !stores_arrive(pm, va, pa)) {
            kprintf("    ✗ 地址转换错误\n");
            failed++;
        }
    }
    if (failed)
        d->failures++;
    else
        kprintf("    ✓ 所有页面映射成功\n");
    kprintf("\n");
}

/* Before the step that `fail` names: brings about what the step must notice. */
static void sabotage(struct demo *d, const char *step)
{
    struct page_manager *pm = &d->manager.pm;
    const paddr_t elsewhere = pa_add(one_frame, PAGE_SIZE);
    struct sv39_entry old;
    int err = 0;

    if (!must_fail(d, step)) return;
    if (strcmp(step, "oom") == 0) use_up_frames(d);
    if (strcmp(step, "map") == 0)
        err = sv39_map_page(pm, one_page, elsewhere, data_flags);
    if (strcmp(step, "many") == 0) {
        err = sv39_map_page(pm, va_add(many_pages, PAGE_SIZE), elsewhere, data_flags);
    }
    if (strcmp(step, "lost") == 0) err = sv39_unmap_page(pm, one_page, &old);
    if (strcmp(step, "walk") == 0) {
        err = sv39_unmap_page(pm, one_page, &old);
        if (!err) err = sv39_map_page(pm, one_page, elsewhere, data_flags);
    }
    if (err) d->failures++; /* the sabotage itself */
}

static void test_page_table_features(struct demo *d)
{
    bool one_is_ours = simple_frames_alloc_at(&d->frames, pa_to_pfn(one_frame), 1);
    bool many_are_ours = simple_frames_alloc_at(&d->frames, pa_to_pfn(many_frames), MANY);

    kprintf("\n" RULE "  开始测试页表功能\n" RULE "\n");
    if (create_table(d) != 0) {
        d->failures++;
        return;
    }
    sabotage(d, "oom");
    sabotage(d, "map");
    test_map(d);
    sabotage(d, "walk");
    sabotage(d, "lost");
    test_walk(d, one_is_ours);
    sabotage(d, "many");
    test_many(d, many_are_ours);
    kprintf(RULE "  页表功能测试完成！\n" RULE "\n");

    sv39_release(&d->manager.pm);
}

int demo_memory(paddr_t ram_start, paddr_t ram_end, const char *fail)
{
    struct demo d = {.fail = fail};

    kprintf("Welcome to Error OS!\n");
    if (memory_init(&d, ram_start, ram_end) != 0) return 1;
    if (init_heap(&d) != 0) {
        memory_done(&d);
        return 1;
    }
    d.failures += test_heap(&d);
    test_page_table_features(&d);
    demo_heap_destroy(&d.heap);
    memory_done(&d);

    kprintf("Kernel execution completed!\n");
    return d.failures != 0;
}
