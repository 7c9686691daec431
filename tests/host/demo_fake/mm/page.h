/* What the demonstration uses of the page allocator; demo_memory_test.c has the code. */
#pragma once

#include "arch/riscv/directmap.h"

enum page_use { PAGE_KERNEL };
enum { PAGE_MAX_ORDER = 18 };

struct page {
    uint8_t state;
    uint8_t order;
};

struct page *pfn_page(pfn_t pfn);
void *page_ptr(const struct page *p);
must_check struct page *page_alloc_block(unsigned order, enum page_use use);
must_check struct page *page_alloc_at(pfn_t pfn, unsigned order, enum page_use use);
void page_free(struct page *p);
void page_drain(void);
