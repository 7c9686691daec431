/*
 * All registers, also those that a kernel might think its own (gp, tp, sp), and the
 * floating-point ones, keep what they hold across calls, interrupts and page faults. Several
 * of these run side by side with different patterns.
 */
#include "lib/registers.h"
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"
#include "lib/random.h"

#define AT 0x10000000ul

enum { A0 = 10, A1 = 11, A7 = 17, S11 = 27, SPINS = 3000000, FAULT_PAGES = 64 };

static struct random dice = {SEED};

static void new_pattern(void)
{
    for (unsigned i = 0; i < 32; i++) {
        registers_in.x[i] = random_next(&dice);
        registers_in.f[i] = random_next(&dice);
        registers_out.x[i] = registers_out.f[i] = 0;
    }
    /* A rounding mode of the five that there are, and exception flags. */
    registers_in.fcsr = random_below(&dice, 5) << 5 | random_below(&dice, 32);
    registers_out.fcsr = ~0ul;
}

static void compare(const char *across, unsigned spent)
{
    for (unsigned i = 1; i < 32; i++) {
        if (i == spent || registers_out.x[i] == registers_in.x[i]) continue;
        fail("across %s x%u became %lx, was %lx", across, i, registers_out.x[i],
             registers_in.x[i]);
    }
    for (unsigned i = 0; i < 32; i++) {
        if (registers_out.f[i] == registers_in.f[i]) continue;
        fail("across %s f%u became %lx, was %lx", across, i, registers_out.f[i],
             registers_in.f[i]);
    }
    if (registers_out.fcsr != registers_in.fcsr) {
        fail("across %s fcsr became %lx, was %lx", across, registers_out.fcsr,
             registers_in.fcsr);
    }
}

/* The empty call, and calls that do something and give 0. */
static void across_calls(void)
{
    static struct timespec ts;

    for (unsigned i = 0; i < 100; i++) {
        new_pattern();
        registers_in.x[A7] = CALL_YIELD;
        registers_across_call();
        compare("yield", A0);
    }
    new_pattern();
    registers_in.x[A7] = CALL_CLOCK_GETTIME;
    registers_in.x[A0] = CLOCK_MONOTONIC;
    registers_in.x[A1] = (uint64_t)&ts;
    registers_across_call();
    compare("clock_gettime", A0);

    new_pattern();
    registers_in.x[A7] = CALL_MMAP;
    registers_in.x[A0] = AT;
    registers_in.x[A1] = PAGE;
    registers_in.x[A1 + 1] = MAP_READ;
    registers_across_call();
    compare("mmap", A0);
    expect_equal(munmap(AT, PAGE), 0);
}

static void across_interrupts(void)
{
    new_pattern();
    registers_in.x[A0] = SPINS;
    registers_across_loop_in_a0();
    compare("a loop", A0);
    new_pattern();
    registers_in.x[S11] = SPINS;
    registers_across_loop_in_s11();
    compare("a loop", S11);
}

/* Each page is used for the first time, by a store and by a load. */
static void across_faults(void)
{
    expect_equal(mmap(AT, FAULT_PAGES * PAGE, MAP_READ | MAP_WRITE), 0);
    for (uint64_t i = 0; i < FAULT_PAGES; i += 2) {
        volatile uint64_t *page = (volatile uint64_t *)(AT + i * PAGE);

        new_pattern();
        registers_in.x[A0] = (uint64_t)page;
        registers_in.x[A1] = 0;
        registers_across_faults();
        compare("page faults", A0);
        expect_equal(page[0], registers_in.x[1]);
        expect_equal(page[1], registers_in.f[0]);
    }
    expect_equal(munmap(AT, FAULT_PAGES * PAGE), 0);
}

int main(void)
{
    for (long end = get_time() + 1500; get_time() < end;) {
        across_calls();
        across_interrupts();
        across_faults();
    }
    return passed();
}
