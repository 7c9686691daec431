/*
 * Programs for tests, a few instructions each, that run wherever they are put. Their calls are
 * those of the test personality in process_ktest.c, numbered here.
 */
#pragma once

#define TEST_EXIT    1 /* (code) */
#define TEST_BLOCK   2 /* until the test says so */
#define TEST_REPORT  3 /* (address of 32 registers by number) */
#define TEST_FULL    4 /* sees all registers, and changes them */
#define TEST_SIGNAL  5 /* asks for work at the exit, which does the same */
#define TEST_NOTHING 6

/* What registers hold before the call that is about them: a multiple of the number. */
#define TEST_PATTERN 0x0101010101010101

#ifndef __ASSEMBLER__
extern const char test_exit_7[], test_exit_7_end[];
extern const char test_spin[], test_spin_end[];
extern const char test_block[], test_block_end[];
extern const char test_unknown[], test_unknown_end[];
extern const char test_full[], test_full_end[];
extern const char test_signal[], test_signal_end[];
extern const char test_nothing[], test_nothing_end[];
extern const char test_wait_signal[], test_wait_signal_end[];
extern const char test_store[], test_store_end[];
#endif
