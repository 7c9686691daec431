/*
 * Control and status registers: the names and bits that arch/ uses.
 *
 * "The RISC-V Instruction Set Manual, Volume II: Privileged Architecture" defines
 * them. Also read by the assembler, so numbers only above the line.
 */
#pragma once

#define SSTATUS_SIE  (1 << 1)
#define SSTATUS_SPIE (1 << 5)
#define SSTATUS_SPP  (1 << 8)
#define SSTATUS_FS   (3 << 13)
#define SSTATUS_SUM  (1 << 18)

/* FS: floating-point registers of the program. */
#define FS_OFF     (0 << 13)
#define FS_INITIAL (1 << 13)
#define FS_CLEAN   (2 << 13)
#define FS_DIRTY   (3 << 13)

#define SCOUNTEREN_TM (1 << 1)

#define SIE_SSIE (1 << 1)
#define SIE_STIE (1 << 5)
#define SIE_SEIE (1 << 9)

#define SATP_MODE_SHIFT 60
#define SATP_SV39       8
#define SATP_SV48       9
#define SATP_ASID_SHIFT 44
#define SATP_ASID_MAX   0xffff
#define SATP_ROOT_MAX   0xfffffffffff

#ifndef __ASSEMBLER__

#include <stdint.h>

#define SSTATUS_UXL (3ul << 32) /* width of user registers; 64 bits as firmware left it */

enum trap_cause {
    CAUSE_FETCH_MISALIGNED = 0,
    CAUSE_FETCH_ACCESS = 1,
    CAUSE_ILLEGAL = 2,
    CAUSE_BREAKPOINT = 3,
    CAUSE_LOAD_MISALIGNED = 4,
    CAUSE_LOAD_ACCESS = 5,
    CAUSE_STORE_MISALIGNED = 6,
    CAUSE_STORE_ACCESS = 7,
    CAUSE_USER_ECALL = 8,
    CAUSE_FETCH_PAGE = 12,
    CAUSE_LOAD_PAGE = 13,
    CAUSE_STORE_PAGE = 15,
};
#define CAUSE_INTERRUPT    (1ul << 63)
#define INTERRUPT_SOFTWARE 1
#define INTERRUPT_TIMER    5
#define INTERRUPT_EXTERNAL 9

#define csr_read(name)                                                \
    ({                                                                \
        uint64_t value_;                                              \
        __asm__ volatile("csrr %0, " #name : "=r"(value_)::"memory"); \
        value_;                                                       \
    })
#define csr_write(name, value) \
    __asm__ volatile("csrw " #name ", %0" ::"r"((uint64_t)(value)) : "memory")
#define csr_set(name, bits) \
    __asm__ volatile("csrs " #name ", %0" ::"r"((uint64_t)(bits)) : "memory")
#define csr_clear(name, bits) \
    __asm__ volatile("csrc " #name ", %0" ::"r"((uint64_t)(bits)) : "memory")

/* All stores before are seen by all harts before any load after, and so on: a full fence. */
static inline void fence_full(void) { __asm__ volatile("fence rw, rw" ::: "memory"); }

#endif
