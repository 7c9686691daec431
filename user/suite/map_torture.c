/*
 * Random mmap, munmap and sbrk against a model: an array of pages that should be mapped,
 * with which permissions and what in them. The kernel's answer and the model's must agree
 * at each step, and at times the whole arena is compared.
 */
#include "lib/access.h"
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"
#include "lib/random.h"

#define ARENA 0x20000000ul

enum { PAGES = 64, HEAP_PAGES = 32, STEPS = 4000, ARENA_PROTS = 8 };

struct model_page {
    uint8_t prot; /* of MAP_*; 0: not mapped */
    uint64_t content;
};

static struct model_page model[PAGES];
static long heap_bottom, heap_size;
static struct random dice = {SEED};

static uint64_t address(uint64_t page) { return ARENA + page * PAGE; }

static volatile uint64_t *word(uint64_t at)
{
    return (volatile uint64_t *)at_address(at);
}

/* W without R is accepted, and then of no use. */
static bool readable(unsigned prot) { return prot & MAP_READ; }
static bool writable(unsigned prot) { return readable(prot) && (prot & MAP_WRITE); }

static void compare(uint64_t page)
{
    struct model_page *p = &model[page];

    expect_equal(can_read(address(page)), readable(p->prot));
    if (readable(p->prot)) expect_equal(*word(address(page)), p->content);
}

static void step_mmap(uint64_t first, uint64_t n)
{
    unsigned prot = (unsigned)random_below(&dice, ARENA_PROTS);
    bool good = prot != 0;

    for (uint64_t i = first; i < first + n; i++) {
        good = good && !model[i].prot;
    }
    expect_equal(mmap(address(first), n * PAGE - random_below(&dice, PAGE), prot),
                 good ? 0 : -1);
    for (uint64_t i = first; good && i < first + n; i++) {
        model[i] = (struct model_page){(uint8_t)prot, 0};
    }
}

static void step_munmap(uint64_t first, uint64_t n)
{
    bool good = true;

    for (uint64_t i = first; i < first + n; i++) {
        good = good && model[i].prot;
    }
    expect_equal(munmap(address(first), n * PAGE - random_below(&dice, PAGE)),
                 good ? 0 : -1);
    for (uint64_t i = first; good && i < first + n; i++) {
        model[i] = (struct model_page){0, 0};
    }
}

static void step_store(uint64_t page)
{
    struct model_page *p = &model[page];

    if (!writable(p->prot)) return;
    p->content = random_next(&dice);
    *word(address(page)) = p->content;
}

static void step_sbrk(void)
{
    long delta =
        (long)random_below(&dice, 2 * HEAP_PAGES * PAGE) - HEAP_PAGES * (long)PAGE;

    if (heap_size + delta > HEAP_PAGES * (long)PAGE) return;
    bool good = heap_size + delta >= 0;
    expect_equal(sbrk(delta), good ? heap_bottom + heap_size : -1);
    if (good) heap_size += delta;
    expect_equal(sbrk(0), heap_bottom + heap_size);
    if (heap_size) *at_address((uint64_t)(heap_bottom + heap_size) - 1) = 1;
}

int main(void)
{
    heap_bottom = sbrk(0);
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t first = random_below(&dice, PAGES);
        uint64_t most = PAGES - first < 8 ? PAGES - first : 8;
        uint64_t n = 1 + random_below(&dice, most);

        switch (random_below(&dice, 4)) {
        case 0:
            step_mmap(first, n);
            break;
        case 1:
            step_munmap(first, random_below(&dice, 2) ? 1 : n);
            break;
        case 2:
            step_store(first);
            break;
        case 3:
            step_sbrk();
            break;
        }
        compare(random_below(&dice, PAGES));
        for (uint64_t page = 0; i % 500 == 0 && page < PAGES; page++) {
            compare(page);
        }
    }
    return passed();
}
