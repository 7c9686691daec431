/*
 * A stack of frames over a range.
 *
 *     start                    next                          end
 *     +---------------------------+-----------------------------+
 *     | out, or on the free list  |        never touched        |
 *     +---------------------------+-----------------------------+
 *
 * Allocation takes the frame freed last, else the next one never touched. The free list
 * needs no memory: its nodes lie in the free frames. One byte of state for each
 * frame answers whether a frame is out, so that a frame freed twice is noticed at once;
 * the tutorials search the whole free list for it on every free.
 *
 * The range may hold frames that others use: the kernel's own data, the device tree.
 * Each frame is claimed from its owner the first time it is needed, and passed over
 * if the owner says no.
 *
 * Invariant: state FREE means claimed and on the list; OUT means claimed and handed out;
 * `used` counts the latter. A search for a run may claim frames beyond `next`.
 */
#include "demo/simple_frames.h"

#include "lib/errno.h"
#include "lib/string.h"

enum { UNTOUCHED, FREE, OUT, FOREIGN };

void simple_frames_init(struct simple_frames *f, const struct frame_source *source,
                        pfn_t start, pfn_t end, uint8_t *state)
{
    assert(start.raw <= end.raw);
    *f = (struct simple_frames){
        .source = source, .start = start, .end = end, .next = start, .state = state};
    list_init(&f->free);
    memset(state, UNTOUCHED, end.raw - start.raw);
}

static uint8_t *state_of(struct simple_frames *f, pfn_t pfn)
{
    return &f->state[pfn.raw - f->start.raw];
}

void simple_frames_destroy(struct simple_frames *f)
{
    for (pfn_t pfn = f->start; pfn.raw < f->end.raw; pfn = pfn_add(pfn, 1)) {
        uint8_t state = *state_of(f, pfn);
        if (state == FREE || state == OUT) f->source->release(pfn);
    }
    simple_frames_init(f, f->source, f->start, f->end, f->state);
}

static void push_free(struct simple_frames *f, pfn_t pfn)
{
    *state_of(f, pfn) = FREE;
    list_push_front(&f->free, f->source->ptr(pfn));
}

/* Is the frame free and ours, or can it be? */
static bool have(struct simple_frames *f, pfn_t pfn)
{
    uint8_t *state = state_of(f, pfn);

    if (*state == UNTOUCHED) {
        if (f->source->claim(pfn))
            push_free(f, pfn);
        else
            *state = FOREIGN;
    }
    return *state == FREE;
}

static void take(struct simple_frames *f, pfn_t pfn)
{
    void *frame = f->source->ptr(pfn);

    list_remove(frame);
    memset(frame, 0, PAGE_SIZE);
    *state_of(f, pfn) = OUT;
    f->used++;
}

bool simple_frames_alloc(struct simple_frames *f, pfn_t *out)
{
    while (list_empty(&f->free) && f->next.raw < f->end.raw) {
        have(f, f->next);
        f->next = pfn_add(f->next, 1);
    }
    if (list_empty(&f->free)) return false;

    *out = f->source->pfn(f->free.next);
    take(f, *out);
    return true;
}

static void take_run(struct simple_frames *f, pfn_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        take(f, pfn_add(first, i));
    }
}

bool simple_frames_alloc_run(struct simple_frames *f, uint64_t count, pfn_t *first)
{
    uint64_t run = 0;

    for (pfn_t pfn = f->start; run < count; pfn = pfn_add(pfn, 1)) {
        if (pfn.raw == f->end.raw) return false;
        run = have(f, pfn) ? run + 1 : 0;
        if (run == 1) *first = pfn;
    }
    take_run(f, *first, count);
    return true;
}

bool simple_frames_alloc_at(struct simple_frames *f, pfn_t first, uint64_t count)
{
    if (first.raw < f->start.raw || first.raw > f->end.raw) return false;
    if (count > f->end.raw - first.raw) return false;
    for (uint64_t i = 0; i < count; i++) {
        if (!have(f, pfn_add(first, i))) return false;
    }
    take_run(f, first, count);
    return true;
}

int simple_frames_free(struct simple_frames *f, pfn_t pfn)
{
    if (pfn.raw < f->start.raw || pfn.raw >= f->end.raw) return -EINVAL;
    if (*state_of(f, pfn) != OUT) return -EINVAL;
    push_free(f, pfn);
    f->used--;
    return 0;
}
