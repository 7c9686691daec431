/*
 * Physical memory and harts of the host tests; see machine.h and the headers in
 * arch/riscv. The memory is a sparse file, so that a frame of the page array can
 * appear twice, in the direct map and in the array, as it does in the kernel.
 */
#define _GNU_SOURCE /* memfd_create */
#include "machine.h"

#include "arch/riscv/context.h"
#include "arch/riscv/directmap.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/mmu.h"
#include "lib/errno.h"
#include "mm/page.h"

#include <sys/mman.h>
#include <unistd.h>

char *fake_ram;
char *fake_page_array;

struct hart harts[MAX_HARTS];
unsigned nharts = 1;
_Thread_local unsigned fake_hart;
_Thread_local struct context *this_context;

static int ram_file;

#define PAGE_ARRAY_SIZE (DIRECTMAP_SIZE / PAGE_SIZE * sizeof(struct page))

__attribute__((constructor)) static void make_memory(void)
{
    ram_file = memfd_create("ram", MFD_CLOEXEC);
    assert(ram_file >= 0 && ftruncate(ram_file, (off_t)DIRECTMAP_SIZE) == 0);
    fake_ram = mmap(NULL, DIRECTMAP_SIZE, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_NORESERVE, ram_file, 0);
    fake_page_array = mmap(NULL, PAGE_ARRAY_SIZE, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(fake_ram != MAP_FAILED && fake_page_array != MAP_FAILED);
    for (unsigned i = 0; i < MAX_HARTS; i++) {
        harts[i].index = i;
        harts[i].bit = 1ul << i;
        harts[i].hartid = i;
    }
}

/* Takes a frame for a table now and then, as the kernel's does. */
int boot_map(vaddr_t va, paddr_t pa, size_t npages, paddr_t (*take_frame)(void))
{
    for (size_t tables = 0; tables < 2 + npages / 512; tables++) {
        if (take_frame().raw == 0) return -ENOMEM;
    }
    void *wanted = fake_page_array + (va.raw - PAGE_ARRAY_BASE);
    void *got = mmap(wanted, npages * PAGE_SIZE, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_FIXED, ram_file, (off_t)pa.raw);
    assert(got == wanted);
    return 0;
}

void fake_machine(void)
{
    static bool done;
    struct pfn_range bank = {PFN(FAKE_START), PFN(FAKE_START + FAKE_FRAMES)};

    if (done) return;
    done = true;
    nharts = FAKE_HARTS;
    for (unsigned i = 0; i < nharts; i++) {
        harts[i].online = 1;
    }
    page_add_bank(bank, NULL, 0);
}

uint64_t harts_online(void) { return (1ul << nharts) - 1; }

void hart_kick(struct hart *h) { (void)h; }

static uint64_t ticks;

uint64_t read_time(void) { return __atomic_add_fetch(&ticks, 1, __ATOMIC_RELAXED); }
uint64_t read_instret(void) { return read_time(); }
