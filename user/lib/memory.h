/* What the compiler may call by itself, and where the stack was. */
#pragma once

#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *at, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);

/* The stack pointer that the kernel began the program with. */
extern uint64_t first_sp;

/* Hides from the compiler where a pointer leads: it may warn of no bad access that is
   meant, nor leave one out. */
static inline volatile uint8_t *at_address(uint64_t address)
{
    __asm__("" : "+r"(address));
    return (volatile uint8_t *)address;
}

/* Calls what is there. */
static inline long call_address(uint64_t address)
{
    __asm__("" : "+r"(address));
    return ((long (*)(void))address)();
}

/* Where every program begins: an address in its code. */
extern const uint8_t _start[];
