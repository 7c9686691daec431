/*
 * Short, and for readers; kernel/mm has the long ones. remap_test tries what must not
 * work, and lives to tell: probes (arch/riscv/trap.h) recover from the trap.
 */
#include "demo/selftest.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/image.h"
#include "arch/riscv/trap.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"

enum { FRAMES = 5, ELEMENTS = 500 };

static bool say(const char *name, bool passed)
{
    kprintf("%s %s!\n", name, passed ? "passed" : "failed");
    return passed;
}

static bool alloc_frames(struct page **frame)
{
    bool all = true;

    for (unsigned i = 0; i < FRAMES; i++) {
        frame[i] = page_alloc(PAGE_KERNEL);
        all = all && frame[i];
    }
    return all;
}

static void free_frames(struct page **frame)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        if (frame[i]) page_free(frame[i]);
    }
}

static bool is_among(const struct page *p, struct page *const *frame)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        if (frame[i] == p) return true;
    }
    return false;
}

/* Five frames are five different ones, and what was freed comes back. */
bool frame_allocator_test(void)
{
    struct page *first[FRAMES], *again[FRAMES];

    preempt_off(); /* another hart has other frames at hand */
    bool ok = alloc_frames(first);
    for (unsigned i = 1; i < FRAMES; i++) {
        ok = ok && !is_among(first[i], (struct page *[FRAMES]){first[0]});
    }
    free_frames(first);
    ok = alloc_frames(again) && ok;
    for (unsigned i = 0; i < FRAMES; i++) {
        ok = ok && is_among(again[i], first);
    }
    free_frames(again);
    preempt_on();
    return say("frame_allocator_test", ok);
}

/* A box with a number in it, and an array that grows to 500 elements. */
bool heap_test(void)
{
    int *box = kmalloc(sizeof(*box));
    int *array = NULL;
    unsigned room = 0;
    bool ok = box;

    if (box) *box = 5;
    for (unsigned n = 0; ok && n < ELEMENTS; n++) {
        if (n == room) {
            int *larger = kmalloc((room ? 2 * room : 4) * sizeof(*array));
            ok = larger;
            if (!ok) break;
            if (array) memcpy(larger, array, n * sizeof(*array));
            kfree(array);
            array = larger;
            room = room ? 2 * room : 4;
        }
        array[n] = (int)n;
    }
    for (unsigned n = 0; ok && n < ELEMENTS; n++) {
        ok = array[n] == (int)n;
    }
    ok = ok && *box == 5;
    kfree(array);
    kfree(box);
    return say("heap_test", ok);
}

static char *middle(char *start, char *end) { return start + (end - start) / 2; }

static bool trapped(int err, enum trap_cause cause)
{
    return err && this_context->fault_cause == cause;
}

/* Text and constants cannot be written, data cannot be executed. */
bool remap_test(void)
{
    bool ok = trapped(probe_store8(middle(image_start, text_end)), CAUSE_STORE_PAGE) &&
              trapped(probe_store8(middle(rodata_start, rodata_end)), CAUSE_STORE_PAGE) &&
              trapped(probe_exec(middle(data_start, data_end)), CAUSE_FETCH_PAGE);

    return say("remap_test", ok);
}
