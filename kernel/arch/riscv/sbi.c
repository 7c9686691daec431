/* See sbi.h. */
#include "arch/riscv/sbi.h"

#include "arch/riscv/directmap.h"

enum {
    EXT_LEGACY_PUTCHAR = 0x1,
    EXT_BASE = 0x10,
    EXT_TIME = 0x54494d45,
    EXT_IPI = 0x735049,
    EXT_HSM = 0x48534d,
    EXT_RESET = 0x53525354,
    EXT_KILBURN =
        0x0a004b42, /* firmware-specific space + the monitor's implementation id */
};

struct sbi_result {
    long error;
    uint64_t value;
};

static struct sbi_result sbi_call(long ext, long function, uint64_t arg0, uint64_t arg1,
                                  uint64_t arg2)
{
    register uint64_t a0 __asm__("a0") = arg0;
    register uint64_t a1 __asm__("a1") = arg1;
    register uint64_t a2 __asm__("a2") = arg2;
    register long a6 __asm__("a6") = function;
    register long a7 __asm__("a7") = ext;

    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return (struct sbi_result){(long)a0, a1};
}

static bool has_extension(long ext)
{
    struct sbi_result r = sbi_call(EXT_BASE, 3, (uint64_t)ext, 0, 0);

    return r.error == 0 && r.value != 0;
}

long sbi_hart_start(uint64_t hartid, paddr_t entry, uint64_t opaque)
{
    return sbi_call(EXT_HSM, 0, hartid, entry.raw, opaque).error;
}

void sbi_send_ipi(uint64_t mask, uint64_t base) { sbi_call(EXT_IPI, 0, mask, base, 0); }

void sbi_set_timer(uint64_t when) { sbi_call(EXT_TIME, 0, when, 0, 0); }

void sbi_putchar(char c) { sbi_call(EXT_LEGACY_PUTCHAR, 0, (uint8_t)c, 0, 0); }

void sbi_shutdown(void) { sbi_call(EXT_RESET, 0, 0, 0, 0); }

const char *sbi_default_command_line(void)
{
    if (!has_extension(EXT_KILBURN)) return NULL;
    struct sbi_result r = sbi_call(EXT_KILBURN, 0, 0, 0, 0);
    return r.error ? NULL : pa_to_ptr(PA(r.value));
}
