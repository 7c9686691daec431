/* One access to memory that is not the program's. It must be the program's last. */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

static void __attribute__((unused)) load(volatile uint8_t *at) { (void)*at; }
static void __attribute__((unused)) store(volatile uint8_t *at) { *at = 1; }
static void __attribute__((unused)) jump(volatile uint8_t *at)
{
    (void)call_address((uint64_t)at);
}

int main(void)
{
    ACCESS(at_address(AT));
    fail("address %lx can be used", (uint64_t)AT);
}
