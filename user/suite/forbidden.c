/* Uses of its own memory that a program may not make. Each ends it. */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

#define try_out static void __attribute__((unused))

enum { MAPPED_AT = 0x10000000, CODE_RETURN = 0x00008067, PATIENCE_MS = 2000 };

static const uint32_t constant = CODE_RETURN;
static volatile uint32_t variable = CODE_RETURN;

/* A page of zeroes at MAPPED_AT. Programs that run beside this one may have all the memory just
 * now, and then the call is refused: it is tried again for a while. */
static volatile uint8_t *map(unsigned prot)
{
    long end = get_time() + PATIENCE_MS;

    while (mmap(MAPPED_AT, PAGE, prot) != 0) {
        if (get_time() > end) fail("no page is mapped");
        yield();
    }
    return at_address(MAPPED_AT);
}

try_out store_text(void) { *at_address((uint64_t)_start) = 1; }
try_out store_constant(void) { *at_address((uint64_t)&constant) = 1; }
try_out fetch_data(void) { (void)call_address((uint64_t)&variable); }
try_out fetch_stack(void)
{
    volatile uint32_t code = CODE_RETURN;

    (void)call_address((uint64_t)&code);
}

try_out load_write_only(void) { (void)*map(MAP_WRITE); }
try_out store_write_only(void) { *map(MAP_WRITE) = 1; }
try_out store_read_only(void) { *map(MAP_READ) = 1; }
try_out store_read_exec(void) { *map(MAP_READ | MAP_EXEC) = 1; }
try_out load_exec_only(void) { (void)*map(MAP_EXEC); }
try_out fetch_read_write(void)
{
    volatile uint8_t *page = map(MAP_READ | MAP_WRITE);

    *(volatile uint32_t *)page = CODE_RETURN;
    __asm__ volatile("fence.i" ::: "memory");
    (void)call_address((uint64_t)page);
}

/* The page has been used, so that a stale translation of it would still lead there. */
try_out load_unmapped(void)
{
    volatile uint8_t *page = map(MAP_READ | MAP_WRITE);

    *page = 1;
    expect_equal(munmap(MAPPED_AT, PAGE), 0);
    (void)*page;
}

try_out store_unmapped(void)
{
    volatile uint8_t *page = map(MAP_READ | MAP_WRITE);

    *page = 1;
    expect_equal(munmap(MAPPED_AT, PAGE), 0);
    *page = 2;
}

/* Deeper than any stack is; 64 bytes of each frame are in use. */
static volatile unsigned deepest = 1u << 31;

static unsigned __attribute__((noinline)) recurse(unsigned depth)
{
    volatile unsigned frame[16];

    frame[depth % 16] = depth;
    if (depth == deepest) return 0;
    return recurse(depth + 1) + frame[depth % 16];
}

try_out stack_overflow(void) { (void)recurse(0); }

/* The page below the stack, without the way there. */
try_out load_guard(void) { (void)*at_address(((first_sp - 1) & -PAGE) - PAGE - 1); }

try_out break_point(void) { __asm__ volatile("ebreak"); }

int main(void)
{
    TRY();
    fail("it went well");
}
