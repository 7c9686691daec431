/*
 * Stories: tests that end their process when something is wrong, and so run in one of
 * their own: one with isolation=shared and one with isolation=split.
 *
 *     STORY(a_page_that_is_unmapped_is_forgotten)
 *     {
 *         ...
 *         CHECK(condition);
 *     }
 */
#pragma once

#include "model/rig.h"

bool story_ends_well(void (*tell)(void));

#define STORY(name)                                      \
    static void tell_##name(void);                       \
    TEST(name) { EXPECT(story_ends_well(tell_##name)); } \
    static void tell_##name(void)

#define CHECK(cond)                                                               \
    do {                                                                          \
        if (!(cond)) world_fail("%s:%d: expected %s", __FILE__, __LINE__, #cond); \
    } while (0)
#define CHECK_EQ(got, wanted)                                                     \
    do {                                                                          \
        uint64_t got_ = (uint64_t)(got), wanted_ = (uint64_t)(wanted);            \
        if (got_ != wanted_) {                                                    \
            world_fail("%s:%d: expected %s == %s, got %ld, wanted %ld", __FILE__, \
                       __LINE__, #got, #wanted, (long)got_, (long)wanted_);       \
        }                                                                         \
    } while (0)
