/*
 * What the packaged libfdt.a expects of a runtime besides string functions: it was
 * compiled with stack protection, so it looks for a guard word and for somebody to
 * call when that word was overwritten.
 */
#include "drivers/fdt_runtime.h"

#include "lib/assert.h"

/* Read by the prologue and the epilogue of libfdt's functions. Constant: it detects an
 * accident in a parser; it is no secret. The zero byte stops runaway strings. */
uintptr_t __stack_chk_guard = 0x00f1a77ed7ee9a5e;

void __stack_chk_fail(void) { panic("libfdt overwrote its stack"); }
