/*
 * A program's memory for tests of files: FAKE_USER_SIZE bytes at address FAKE_USER, which the
 * test reaches as fake_user. From fake_user_end on they are not there.
 */
#pragma once

#include "lib/addr.h"

#define FAKE_USER 0x10000ul

enum { FAKE_USER_SIZE = 256 << 10 };

/* Where the user half ends. */
#define FAKE_USER_HALF (1ul << 38)

extern char fake_user[FAKE_USER_SIZE];
extern size_t fake_user_end;
