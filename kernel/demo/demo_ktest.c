/*
 * The tutorials' page tables on frames of the machine.
 *
 * The host tests try every branch; here the frames are real ones, claimed from the page
 * allocator, and the test runner counts them afterwards.
 */
#include "arch/riscv/image.h"
#include "demo/manager.h"
#include "demo/space.h"
#include "lib/ktest.h"
#include "lib/string.h"

enum { FRAMES = 4096 };

static uint8_t frame_state[FRAMES];
static struct simple_frames frames;
static struct frame_manager first, second;

static const vaddr_t data_at = {0x10000000};
static const unsigned rw = SV39_R | SV39_W | SV39_V;

static void take_frames_behind_the_image(void)
{
    pfn_t start = pa_to_pfn(pa_ceil(image_pa(image_end)));

    simple_frames_init(&frames, &machine_frames, start, pfn_add(start, FRAMES),
                       frame_state);
}

/* One space with owned and foreign pages, a clone of it, and the end of both. */
static void live_once(void)
{
    struct sv39_space space, copy;
    struct vpn_range device = vpn_range(VPN(0x10000), VPN(0x10001));
    struct vpn_range data = vpn_range(vpn_exact(data_at), vpn_add(vpn_exact(data_at), 3));

    frame_manager_init(&first, &frames);
    frame_manager_init(&second, &frames);
    assert(sv39_space_create(&space, &first.pm) == 0);
    assert(sv39_space_create(&copy, &second.pm) == 0);
    assert(sv39_unmap_region(&space, data_at, PAGE_SIZE) != 0);
    assert(sv39_map(&space, data, "one level", 10, 4090, rw) == 0);
    assert(sv39_map_extern(&space, device, PFN(0x10000), rw) != 0); /* overlaps */
    assert(sv39_map_region_identity(&space, VA(0x80200000), 1, AREA_CODE) == 0);
    assert(sv39_cloneself(&space, &copy) == 0);

    const char *text = sv39_translate(&second.pm, va_add(data_at, 4090), SV39_R);
    assert(text && text != sv39_translate(&first.pm, va_add(data_at, 4090), SV39_R));
    assert(memcmp(text, "one le", 6) == 0); /* as far as the page goes */
    sv39_space_destroy(&copy);
    sv39_space_destroy(&space);
}

/* rows: E17 E44 W09 W12 W22 D40 */
KTEST(a_thousand_tutorial_spaces_give_every_frame_back)
{
    take_frames_behind_the_image();
    for (int round = 0; round < 1000; round++) {
        live_once();
        assert(frames.used == 0);
    }
    simple_frames_destroy(&frames);
}

/* rows: E05 R12 R54 D21 */
KTEST(claimed_frames_are_ram_that_nobody_else_has)
{
    pfn_t pfn;
    unsigned n = 0;

    take_frames_behind_the_image();
    while (simple_frames_alloc(&frames, &pfn)) {
        assert(pfn.raw >= frames.start.raw && pfn.raw < frames.end.raw);
        memset(machine_frames.ptr(pfn), 0x5a, PAGE_SIZE);
        n++;
    }
    assert(n > 0 && frames.used == n);
    simple_frames_destroy(&frames);
}

/* rows: E04 W02 R25 */
KTEST(sections_of_the_image_begin_on_pages_one_after_the_other)
{
    const char *const edges[] = {image_start, text_end, rodata_start, rodata_end,
                                 data_start,  data_end, bss_start,    bss_end};

    for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
        assert((uint64_t)edges[i] % PAGE_SIZE == 0);
        assert(i == 0 || edges[i - 1] <= edges[i]);
    }
    assert(image_pa(image_start).raw % (2ul << 20) == 0);
    assert((uint64_t)image_end % PAGE_SIZE == 0 && edges[7] <= &image_end[0]);
}

static char poisoned_by_nobody[3 * 4096];

/* rows: W03 */
KTEST(bss_was_cleared_before_the_first_line_of_c)
{
    for (size_t i = 0; i < sizeof(poisoned_by_nobody); i++) {
        assert(((volatile char *)poisoned_by_nobody)[i] == 0);
    }
}
