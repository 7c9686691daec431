/*
 * Zeroed memory is zero, wherever the linker put it, and the data beside it is as written:
 * neither begins nor ends on a page.
 */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

enum { BYTES = 5 * PAGE + 123 };

static volatile uint8_t zero[BYTES];
static volatile uint8_t one_zero;
static volatile char data[] = "data that begins anywhere";
static volatile uint64_t numbers[600] = {[0] = 11, [599] = 22};

static void expect_data(void)
{
    static const char same[] = "data that begins anywhere";

    for (unsigned i = 0; i < sizeof(same); i++) {
        expect_equal(data[i], same[i]);
    }
    for (unsigned i = 1; i < 599; i++) {
        expect_equal(numbers[i], 0);
    }
    expect(numbers[0] == 11 && numbers[599] == 22);
}

int main(void)
{
    expect_equal(one_zero, 0);
    for (unsigned i = 0; i < BYTES; i++) {
        expect_equal(zero[i], 0);
    }
    expect_data();
    for (unsigned i = 0; i < BYTES; i++) {
        zero[i] = 0xff;
    }
    expect_data();
    return passed();
}
