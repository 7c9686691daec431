/* Loads and stores at odd addresses, also across pages: done right, or not survived. */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

static uint8_t bytes[2 * PAGE] __attribute__((aligned(4096)));

/* Its low bytes are stored by one instruction, and loaded by one. */
static const uint64_t value = 0x1122334455667788;

#define check_size(type, load, store, at)                                      \
    do {                                                                       \
        uint64_t got = 0;                                                      \
        type copy;                                                             \
                                                                               \
        __asm__ volatile(store " %1, 0(%0)" ::"r"(at), "r"(value) : "memory"); \
        memcpy(&copy, (void *)(at), sizeof(copy));                             \
        expect_equal(copy, (type)value);                                       \
        __asm__ volatile(load " %0, 0(%1)" : "=r"(got) : "r"(at) : "memory");  \
        expect_equal(got, (type)value);                                        \
    } while (0)

int main(void)
{
    for (uint64_t i = 0; i < 16; i++) {
        uint64_t at = (uint64_t)bytes + PAGE - i;

        check_size(uint16_t, "lhu", "sh", at);
        check_size(uint32_t, "lwu", "sw", at);
        check_size(uint64_t, "ld", "sd", at);
    }
    return passed();
}
