/* The kinds of file systems that programs can mount. */
#pragma once

/* Once, at boot. */
void file_systems_register(void);
