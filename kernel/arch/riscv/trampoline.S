/* The trampoline page (entry.h); image.ld gives it a page of its own. */
    .section .trampoline, "ax"
    .balign 4
    ret
