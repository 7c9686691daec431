/*
 * A file system that begins as another one and can be written: changes stay in memory, what is
 * below is never touched.
 *
 * It is a tmpfs to whose directories the names below belong until they are removed. A file
 * from below is shown with its own pages, shared by all, and gets pages in memory when
 * somebody opens it for writing or changes its size. Other changes (names, modes, owners, times)
 * cost no copy, and a directory from below is renamed like any other.
 *
 * As on Linux, what was mapped before a file got pages of its own goes on showing the old ones.
 * Unlike there, whoever has it open sees the new ones, it keeps its number, and all its names lead
 * to it.
 */
#pragma once

#include "fs/tmpfs/tmpfs.h"

/*
 * `lower` brings its names by lookup (inode_ops), and has no mount; the reference becomes the
 * overlay's, and with an error is still the caller's. For mount_add() or mount_root(), or
 * file_system_abandon(). options->mode does not matter: the root is the one below. NULL: no memory.
 */
must_check struct file_system *overlay_create(struct file_system *lower,
                                              const struct tmpfs_options *options);
