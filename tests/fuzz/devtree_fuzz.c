/*
 * Any bytes as a device tree: refused with a reason, or read into lists that keep
 * their promises. Magic, version and sizes are put in, so that mutations get past
 * the header.
 */
// sources: kernel/drivers/devtree.c kernel/drivers/devtree_devices.c
// sources: kernel/drivers/devtree_harts.c kernel/drivers/devtree_isa.c
// sources: kernel/drivers/devtree_read.c kernel/drivers/phys_ranges.c
// sources: kernel/lib/log.c kernel/lib/printf.c
// libs: -lfdt
#include "drivers/devtree.h"

#include "drivers/fdt.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_list(const struct phys_range *list, unsigned n, unsigned room)
{
    assert(n <= room);
    for (unsigned i = 0; i < n; i++) {
        assert(pa_page_aligned(list[i].start) && pa_page_aligned(list[i].end));
        assert(list[i].start.raw < list[i].end.raw);
        assert(i == 0 || list[i - 1].end.raw < list[i].start.raw);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct devtree dt;
    struct fdt_header *blob = aligned_alloc(8, (size + 8) & ~7ul);

    memcpy(blob, data, size);
    if (size >= sizeof(*blob)) {
        blob->magic = cpu_to_fdt32(FDT_MAGIC);
        blob->totalsize = cpu_to_fdt32((uint32_t)size);
        blob->version = cpu_to_fdt32(17);
        blob->last_comp_version = cpu_to_fdt32(16);
    }
    int err = devtree_parse(&dt, blob, size, PA(0x87e00000));
    if (err) {
        assert(err < 0 && dt.error);
    } else {
        check_list(dt.ram, dt.nram, DEVTREE_RAM);
        check_list(dt.reserved, dt.nreserved, DEVTREE_RESERVED);
        assert(dt.nram > 0 && dt.nharts > 0 && dt.nharts <= MAX_HARTS && dt.timebase > 0);
        assert(dt.nvirtio <= DEVTREE_VIRTIO && dt.rng_seed_len <= DEVTREE_RNG_SEED);
        assert(memchr(dt.bootargs, 0, sizeof(dt.bootargs)));
        (void)devtree_all_harts_have(&dt, "zicboz");
    }
    free(blob);
    return 0;
}
