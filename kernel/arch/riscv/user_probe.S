/*
 * User pages are open to supervisor mode only while SUM is set. Here it is set around
 * one instruction. If that faults, the trap handler clears SUM in the saved status.
 *
 * int user_probe_load(vaddr_t va, uint64_t *out)
 * int user_probe_store(vaddr_t va, uint64_t value)
 * int supervisor_probe_load(vaddr_t va, uint64_t *out)
 * int supervisor_probe_store(vaddr_t va, uint64_t value)
 */
#include "arch/riscv/asm.h"
#include "arch/riscv/csr.h"
#include "lib/errno.h"

FUNCTION(user_probe_load)
    li t1, SSTATUS_SUM
    csrs sstatus, t1
user_load:
    ld t0, (a0)
    csrc sstatus, t1
    sd t0, (a1)
    li a0, 0
    ret
    CATCH(user_load, user_probe_failed)
END(user_probe_load)

FUNCTION(user_probe_store)
    li t1, SSTATUS_SUM
    csrs sstatus, t1
user_store:
    sd a1, (a0)
    csrc sstatus, t1
    li a0, 0
    ret
    CATCH(user_store, user_probe_failed)
END(user_probe_store)

FUNCTION(supervisor_probe_load)
supervisor_load:
    ld t0, (a0)
    sd t0, (a1)
    li a0, 0
    ret
    CATCH(supervisor_load, user_probe_failed)
END(supervisor_probe_load)

FUNCTION(supervisor_probe_store)
supervisor_store:
    sd a1, (a0)
    li a0, 0
    ret
    CATCH(supervisor_store, user_probe_failed)
END(supervisor_probe_store)

user_probe_failed:
    li a0, -EFAULT
    ret
