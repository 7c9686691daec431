/*
 * What the device tree says about this machine.
 *
 * devtree_parse() reads the whole flattened tree once, believes nothing it says
 * until it is checked, and leaves a struct of bounded arrays that points nowhere
 * into the blob. Everything later looks here; nobody else reads the tree.
 */
#pragma once

#include "arch/riscv/hart.h"
#include "drivers/phys_ranges.h"
#include "lib/addr.h"

enum {
    DEVTREE_RAM = 16,        /* banks, after merging */
    DEVTREE_RESERVED = 32,   /* reserved ranges, after merging */
    DEVTREE_VIRTIO = 32,     /* virtio-mmio slots */
    DEVTREE_BOOTARGS = 2048, /* bytes of the kernel command line, with its end */
    DEVTREE_RNG_SEED = 64,   /* bytes of entropy from the firmware */
};

struct devtree_hart {
    uint64_t hartid;
    uint64_t extensions;  /* ask devtree_hart_has() */
    uint32_t va_bits;     /* the largest translation: 39, 48, 57; 0 if it has none */
    uint32_t cboz_block;  /* bytes that cbo.zero clears, 0 if unknown */
    int32_t plic_context; /* of its supervisor external interrupt, -1 if none */
};

/* A device with registers; absent if regs is empty. */
struct devtree_device {
    struct phys_range regs;
    uint32_t irq; /* 0: none */
};

struct devtree_uart {
    struct devtree_device dev;
    uint32_t reg_shift; /* register n is at n << reg_shift */
    uint32_t io_width;  /* bytes of one access: 1, 2 or 4 */
};

struct devtree {
    /* RAM: sorted, disjoint, whole pages, never empty. */
    struct phys_range ram[DEVTREE_RAM];
    unsigned nram;

    /* Not ours to allocate: firmware, /reserved-memory, the blob, the initrd. Sorted,
     * disjoint, grown to whole pages; may lie outside RAM. */
    struct phys_range reserved[DEVTREE_RESERVED];
    unsigned nreserved;

    /* Usable harts in the order of the tree; the index is hart.index. */
    struct devtree_hart harts[MAX_HARTS];
    unsigned nharts;
    uint64_t timebase; /* ticks of the time counter per second, never 0 */

    struct devtree_uart
        uart; /* the console: stdout-path if it is an ns16550a, else the first */
    struct devtree_device power; /* sifive,test: power off with a status */
    struct devtree_device rtc;   /* google,goldfish-rtc */
    struct devtree_device plic;
    uint32_t plic_sources;
    struct devtree_device virtio[DEVTREE_VIRTIO]; /* sorted by address */
    unsigned nvirtio;

    struct phys_range initrd; /* exact bytes; empty if there is none */
    char bootargs[DEVTREE_BOOTARGS];
    uint8_t rng_seed[DEVTREE_RNG_SEED];
    unsigned rng_seed_len;

    const char *error; /* why devtree_parse() refused the tree: one line */
};

/*
 * Reads the tree at `blob`, of which at most `limit` bytes may be read and whose
 * first byte has the physical address `blob_pa`. `out` need not be initialised.
 *
 * Returns 0, or -EINVAL (not a well-formed tree), -ENODEV (no RAM, no hart, no
 * timebase) with out->error set. What does not fit into an array is ignored and
 * logged; too many reserved ranges are instead joined with their neighbours.
 */
must_check int devtree_parse(struct devtree *out, const void *blob, size_t limit,
                             paddr_t blob_pa);

/* Reserves one more range (the kernel's image), grown to whole pages. */
void devtree_reserve(struct devtree *dt, struct phys_range range);

/*
 * Does hart `index` say it has the extension? `name` is one lower-case letter or
 * one of the names in the table of devtree_isa.c; asking for another is a bug.
 */
bool devtree_hart_has(const struct devtree *dt, unsigned index, const char *name);

/* The same for every hart: what the kernel may use everywhere. */
bool devtree_all_harts_have(const struct devtree *dt, const char *name);

static inline bool devtree_device_present(const struct devtree_device *dev)
{
    return phys_range_size(dev->regs) != 0;
}
