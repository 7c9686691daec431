/* The stack protector that libfdt.a was compiled for; nobody else uses it. */
#pragma once

#include <stdint.h>

extern uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);
