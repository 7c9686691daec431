/*
 * The Linux ABI of the requests that any file understands (asm-generic/ioctls.h).
 */
#pragma once

#define FIONREAD 0x541b
#define FIONBIO  0x5421
#define FIONCLEX 0x5450
#define FIOCLEX  0x5451
