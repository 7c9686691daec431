/*
 * Memory for the tests of the tutorials' page table: a pool of pages, full of junk when
 * they are handed out by nobody, and two page managers over it.
 *
 *     offset     frame number n of the pool is FAKE_PFN + n: a number taken for a
 *                pointer, or the other way round, does not survive
 *     identity   physical is virtual, as in the tutorials; its frames come from the
 *                kernel's demo/simple_frames.c
 *
 * Both count what is out, and fail on demand.
 */
#pragma once

#include "demo/simple_frames.h"
#include "demo/sv39.h"

enum { FAKE_PAGES = 64 };
#define FAKE_PFN PFN(0x80400)

enum fake_kind { FAKE_OFFSET, FAKE_IDENTITY, FAKE_KINDS };

/* Everything free and full of junk, nothing fails. The manager has no root yet. */
struct page_manager *fake_reset(enum fake_kind kind);
/* The next `n` allocations succeed, later ones fail. */
void fake_fail_after(unsigned n);
void fake_fail_never(void);
/* Attempts to allocate and calls of flush since the reset. */
unsigned fake_attempts(void);
unsigned fake_flushes(void);
/* Pages handed out. */
unsigned fake_used(void);
/* Bytes in live kmalloc objects; those fail on demand too. */
unsigned fake_objects(void);

/* A test of the library, run over both managers; nothing may be left out at its end. */
#define LIBRARY_TEST(name)                                \
    static void name##_over(struct page_manager *pm);     \
    TEST(name)                                            \
    {                                                     \
        for (enum fake_kind k = 0; k < FAKE_KINDS; k++) { \
            name##_over(fake_reset(k));                   \
            EXPECT_EQ(fake_used(), 0);                    \
            EXPECT_EQ(fake_objects(), 0);                 \
        }                                                 \
    }                                                     \
    static void name##_over(struct page_manager *pm)
