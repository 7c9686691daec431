/* The stubs of calls that need all of the user's registers (asm.h): one for each FULL row. */
#include "arch/riscv/asm.h"

#define CALL(number, name, arguments, kinds)
#define FULL(number, name, kinds) FULL_CALL(full_sys_##name, sys_##name)
#include "syscall/linux.def"
