/* See timer.h: ticks to nanoseconds and back, without dividing. */
#include "sched/timer.h"

#include "arch/riscv/timer.h"

#define NS_PER_SECOND 1000000000ul

struct clock_scale clock_scale;
static struct clock_scale ticks_per_ns;

/* The upper half of the product. */
static uint64_t multiply_high(uint64_t a, uint64_t b)
{
    return (uint64_t)((unsigned __int128)a * b >> 64);
}

/* numerator / denominator, the fraction rounded up. Long division, a bit at a time: the
 * compiler's 128-bit division is a library function that we do not have. */
static struct clock_scale ratio(uint64_t numerator, uint64_t denominator)
{
    struct clock_scale r = {numerator / denominator, 0};
    uint64_t rest = numerator % denominator;

    for (unsigned bit = 0; bit < 64; bit++) {
        bool carry = rest >> 63;
        rest <<= 1;
        r.fraction <<= 1;
        if (carry || rest >= denominator) {
            rest -= denominator;
            r.fraction |= 1;
        }
    }
    if (rest) r.fraction++;
    return r;
}

static uint64_t scale(uint64_t n, const struct clock_scale *s)
{
    return n * s->whole + multiply_high(n, s->fraction);
}

void clock_init(uint64_t ticks_per_second)
{
    clock_scale = ratio(NS_PER_SECOND, ticks_per_second);
    ticks_per_ns = ratio(ticks_per_second, NS_PER_SECOND);
}

uint64_t ticks_to_ns(uint64_t ticks) { return clock_scaled(ticks); }

/* The product is at most one off, on either side: the exact way back says which. */
uint64_t ns_to_ticks(uint64_t ns)
{
    uint64_t ticks = scale(ns, &ticks_per_ns);

    if (ns > CLOCK_LAST_NS) return TIMER_NEVER;
    while (ticks_to_ns(ticks) < ns) {
        ticks++;
    }
    while (ticks > 0 && ticks_to_ns(ticks - 1) >= ns) {
        ticks--;
    }
    return ticks;
}

uint64_t clock_ns(void) { return clock_scaled(read_time()); }
