/*
 * Two of these run side by side, linked to the same addresses, with different values in
 * every kind of memory. Each keeps its own.
 */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

#define AT 0x10000000ul

static volatile uint64_t variable = VALUE;
static volatile uint64_t zeroed;

int main(void)
{
    volatile uint64_t on_stack = VALUE;
    volatile uint64_t *heap = (volatile uint64_t *)sbrk(2 * PAGE);
    volatile uint64_t *mapped = (volatile uint64_t *)AT;

    heap = (volatile uint64_t *)(((uint64_t)heap + 7) & ~7ul);
    expect_equal(mmap(AT, PAGE, MAP_READ | MAP_WRITE), 0);
    print("isolation: &variable = %lx, variable = %lu\n", (uint64_t)&variable, variable);
    expect_equal(zeroed, 0);
    expect_equal(*heap, 0);
    expect_equal(*mapped, 0);
    zeroed = *heap = *mapped = VALUE;

    for (uint64_t round = 0, end = (uint64_t)get_time() + 500; (uint64_t)get_time() < end;
         round++) {
        expect_equal(variable, VALUE + round);
        expect_equal(zeroed, VALUE + round);
        expect_equal(on_stack, VALUE + round);
        expect_equal(*heap, VALUE + round);
        expect_equal(*mapped, VALUE + round);
        variable++, zeroed++, on_stack++, ++*heap, ++*mapped;
        yield();
    }
    return passed();
}
