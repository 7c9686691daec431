/*
 * A program of more than 2 MiB, so that no one table of pages holds it: code, constants,
 * data and zeroed memory, all of it looked at. FILL is the size of each in bytes.
 */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

enum { WORDS = FILL / 4, BSS = 3 << 20 };

#define STRING_OF(x) #x
#define STRING(x)    STRING_OF(x)

/* clang-format off */
/* Each word of the constants and the data is its index, and the code counts its words. */
__asm__(
    ".macro fill first\n"
    "  .set i, \\first\n"
    "  .rept " STRING(FILL) " / 4\n"
    "  .word i\n"
    "  .set i, i + 1\n"
    "  .endr\n"
    ".endm\n"
    ".section .rodata.big, \"a\"\n"
    ".balign 4\n"
    "big_constants: fill 0\n"
    ".section .data.big, \"aw\"\n"
    ".balign 4\n"
    "big_data: fill 7\n"
    ".section .text.big, \"ax\"\n"
    ".balign 4\n"
    ".option push\n"
    ".option norvc\n"
    "big_code:\n"
    "  .rept " STRING(FILL) " / 4\n"
    "  addi a0, a0, 1\n"
    "  .endr\n"
    "  ret\n"
    ".option pop\n"
    ".text\n");
/* clang-format on */

extern const volatile uint32_t big_constants[WORDS];
extern volatile uint32_t big_data[WORDS];
long big_code(long start);

static volatile uint8_t zero[BSS];

int main(void)
{
    for (unsigned i = 0; i < WORDS; i++) {
        expect_equal(big_constants[i], i);
        expect_equal(big_data[i], i + 7);
        big_data[i] = ~i;
    }
    for (unsigned i = 0; i < WORDS; i++) {
        expect_equal(big_data[i], (uint32_t)~i);
    }
    expect_equal(big_code(1000), 1000 + WORDS);
    for (unsigned i = 0; i < BSS; i += 64) {
        expect_equal(zero[i], 0);
        zero[i] = (uint8_t)(i >> 6);
    }
    for (unsigned i = 0; i < BSS; i += 64) {
        expect_equal(zero[i], (uint8_t)(i >> 6));
    }
    return passed();
}
