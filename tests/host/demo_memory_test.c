/* The first tutorial's program, run whole: its words, and the words of every failure. */
// sources: kernel/demo/memory.c kernel/demo/manager.c kernel/demo/heap.c kernel/demo/sv39.c
// sources: kernel/demo/simple_frames.c
// flags: -iquote tests/host/demo_fake
#include "demo/memory.h"

#include "demo_fake/machine.h"
#include "lib/log.h"
#include "mm/page.h"
#include "test.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

enum { FRAMES = (RAM_END - RAM_START) / PAGE_SIZE };
enum { FREE, HELD, KERNELS };

char *fake_ram;
char image_end[1];

static struct page frame[FRAMES];
static char output[4096];
static size_t printed;

void kprintf(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    printed += (size_t)vsnprintf(output + printed, sizeof(output) - printed, fmt, args);
    va_end(args);
}

struct page *pfn_page(pfn_t pfn) { return &frame[pfn.raw - (RAM_START >> PAGE_SHIFT)]; }

void *page_ptr(const struct page *p)
{
    return fake_ram + (size_t)(p - frame) * PAGE_SIZE;
}

struct page *page_alloc_at(pfn_t pfn, unsigned order, enum page_use use)
{
    struct page *p = pfn_page(pfn);

    (void)use;
    assert(order == 0);
    if (p->state != FREE) return NULL;
    *p = (struct page){HELD, 0};
    return p;
}

/* From the top of RAM, as an allocator that is in nobody's way. */
struct page *page_alloc_block(unsigned order, enum page_use use)
{
    struct page *p = &frame[FRAMES - (1u << order)];

    (void)use;
    for (unsigned i = 0; i < 1u << order; i++) {
        assert(p[i].state == FREE);
        p[i].state = HELD;
    }
    p->order = (uint8_t)order;
    return p;
}

void page_free(struct page *p)
{
    unsigned frames = 1u << p->order;

    for (unsigned i = 0; i < frames; i++) {
        assert(p[i].state == HELD);
        p[i] = (struct page){FREE, 0};
    }
}

void page_drain(void) {}

static unsigned held(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < FRAMES; i++) {
        n += frame[i].state == HELD;
    }
    return n;
}

/* Runs the demonstration on a fresh machine with `ram` bytes. */
static int run(const char *fail, uint64_t ram)
{
    fake_ram = mmap(NULL, RAM_END - RAM_START, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(fake_ram != MAP_FAILED);
    for (unsigned i = 0; i < FRAMES; i++) {
        bool kernels = i <= (KERNEL_END - RAM_START) / PAGE_SIZE;
        frame[i] = (struct page){kernels ? KERNELS : FREE, 0};
    }
    printed = 0;
    int status = demo_memory(PA(RAM_START), PA(RAM_START + ram), fail);
    EXPECT_EQ(held(), 0);
    munmap(fake_ram, RAM_END - RAM_START);
    return status;
}

static bool said(const char *text) { return strstr(output, text) != NULL; }

/* rows: E02 E03 E10 E11 E34 E35 E36 E37 E38 E39 E40 */
TEST(the_demonstration_prints_the_tutorials_words_to_the_byte)
{
    static const char words[] =
        "Welcome to Error OS!\n"
        "[MEMORY] Initializing memory management\n"
        "[MEMORY] Kernel end: 0x80234568\n"
        "[MEMORY] Memory range: 0x80000000 - 0x88000000\n"
        "[MEMORY] Frame allocator initialized: 0x80235000 - 0x88000000\n"
        "[ALLOCATOR] Initializing heap at 0x80400000\n"
        "[ALLOCATOR] Heap size: 1048576 bytes\n"
        "[ALLOCATOR] Allocating 256 pages for heap\n"
        "[ALLOCATOR] Heap initialized successfully\n"
        "Heap test: 41\n"
        "\n"
        "========================================\n"
        "  开始测试页表功能\n"
        "========================================\n"
        "\n"
        "[1] 创建测试页表...\n"
        "    ✓ 页表已创建\n"
        "\n"
        "[2] 测试页面映射...\n"
        "    ✓ 页面映射成功\n"
        "\n"
        "[3] 测试页表遍历...\n"
        "    ✓ 地址转换验证成功!\n"
        "\n"
        "[4] 映射多个连续页面...\n"
        "    ✓ 所有页面映射成功\n"
        "\n"
        "========================================\n"
        "  页表功能测试完成！\n"
        "========================================\n"
        "\n"
        "Kernel execution completed!\n";

    EXPECT_EQ(run(NULL, RAM_END - RAM_START), 0);
    EXPECT_STR(output, words);
}

/* rows: E35 */
TEST(a_page_that_cannot_be_mapped_is_reported_with_the_reason)
{
    EXPECT_EQ(run("map", RAM_END - RAM_START), 1);
    EXPECT(said("    ✗ 页面映射失败: Page already mapped\n"));
    EXPECT(!said("    ✓ 页面映射成功"));
    EXPECT(said("    ✗ 地址转换错误\n"));

    EXPECT_EQ(run("oom", RAM_END - RAM_START), 1);
    EXPECT(said("    ✗ 页面映射失败: Out of memory\n"));
    EXPECT(said("    ✗ 页面未映射\n"));
}

/* rows: E36 */
TEST(a_walk_that_leads_elsewhere_or_nowhere_is_reported)
{
    EXPECT_EQ(run("walk", RAM_END - RAM_START), 1);
    EXPECT(said("    ✓ 页面映射成功") && said("    ✗ 地址转换错误\n"));
    EXPECT(!said("验证成功"));
    EXPECT_EQ(run("lost", RAM_END - RAM_START), 1);
    EXPECT(said("    ✓ 页面映射成功") && said("    ✗ 页面未映射\n"));
}

/* rows: E37 D31 */
TEST(the_last_check_mark_needs_all_three_pages)
{
    EXPECT_EQ(run("many", RAM_END - RAM_START), 1);
    EXPECT(said("    ✗ 页面 1 映射失败: Page already mapped\n"));
    EXPECT(!said("    ✗ 页面 0") && !said("    ✗ 页面 2"));
    EXPECT(!said("所有页面映射成功"));
}

/* rows: E12 */
TEST(a_heap_that_cannot_be_made_ends_the_demonstration)
{
    EXPECT_EQ(run("heap", RAM_END - RAM_START), 1);
    EXPECT(said("[ALLOCATOR] heap initialization failed: Out of memory\n"));
    EXPECT(!said("Heap test") && !said("completed"));
}

/* rows: D21 R54 */
TEST(a_small_machine_shows_its_own_end_of_ram)
{
    EXPECT_EQ(run(NULL, 8ul << 20), 0);
    EXPECT(said("[MEMORY] Memory range: 0x80000000 - 0x80800000\n"));
    EXPECT(said("[MEMORY] Frame allocator initialized: 0x80235000 - 0x80800000\n"));
    EXPECT(said("    ✓ 所有页面映射成功\n"));
}
