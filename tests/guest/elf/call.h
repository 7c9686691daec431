/* The tutorials' system calls, as somebody who has only read the tutorial writes them. */
#pragma once

static inline long call(long number, long a, long b, long c)
{
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a7 __asm__("a7") = number;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}

static inline void say(const char *words)
{
    long n = 0;

    while (words[n]) {
        n++;
    }
    call(64, 1, (long)words, n);
}

static inline void __attribute__((noreturn)) leave(int code)
{
    call(93, code, 0, 0);
    __builtin_unreachable();
}

/* Milliseconds. */
static inline long now(void) { return call(169, 0, 0, 0); }
