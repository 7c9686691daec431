/*
 * The Linux ABI of memfd_create(2) (linux/memfd.h). There are no huge pages for it.
 */
#pragma once

#define MFD_CLOEXEC       1u
#define MFD_ALLOW_SEALING 2u
#define MFD_NOEXEC_SEAL   8u
#define MFD_EXEC          16u
#define MFD_KNOWN         (MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC)
