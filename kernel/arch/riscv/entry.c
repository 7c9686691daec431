/* See entry.h. */
#include "arch/riscv/entry.h"

#include "arch/riscv/asm.h"

static_assert(offsetof(struct entry_slot, t0) == ENTRY_T0, "asm.h");
static_assert(offsetof(struct entry_slot, tp) == ENTRY_TP, "asm.h");
static_assert(offsetof(struct entry_slot, thread) == ENTRY_THREAD, "asm.h");
static_assert(offsetof(struct entry_slot, kernel_satp) == ENTRY_KERNEL_SATP, "asm.h");
static_assert(sizeof(struct entry_slot) == CACHE_LINE, "a line for each hart");
static_assert(sizeof(entry_slots) == PAGE_SIZE, "no more of the kernel than one page");

bool isolation_split;
struct entry_slot entry_slots[MAX_HARTS] __attribute__((section(".entry_page")));
