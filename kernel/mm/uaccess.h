/*
 * The kernel's access to the memory of the program it works for.
 *
 * Pointers of programs are numbers (vaddr_t) until one of these calls has used them. Each
 * checks that the bytes are in the user half of the running thread's space, and lets the
 * hardware check the rest, page by page: mapped, the program's, and permitted. Pages that are
 * there in name only are brought, copies are made where copies share: as if the program had
 * touched them. What goes wrong is -EFAULT, also when memory ran out on the way, since a
 * program's touch would have failed, too.
 *
 * Called with preemption and interrupts on and no lock held: a page may have to be read, and
 * that sleeps. Any thread of the program may change the memory meanwhile, or unmap it:
 * who must not see two values of a byte copies it once.
 *
 * For the memory of another space, or of a space that nobody runs, there are aspace_read()
 * and aspace_write() (mm/aspace.h): they go through the page table and the direct map, page
 * by page, and cost more.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"

#include <stdbool.h>

/* Are these bytes in the user half at all? Says nothing about what is mapped there. */
must_check bool user_range_ok(vaddr_t va, size_t len);

/* 0 or -EFAULT; then a part may have been copied, from the beginning on. Nothing is touched
 * for a length of 0, which is 0 at any address; nothing is touched if any byte of the range is
 * not in the user half. */
must_check int copy_from_user(void *to, vaddr_t from, size_t len);
must_check int copy_to_user(vaddr_t to, const void *from, size_t len);
must_check int clear_user(vaddr_t to, size_t len);

/* As many bytes as can be copied or cleared, exactly; -EFAULT if that is none of some. */
must_check long copy_from_user_some(void *to, vaddr_t from, size_t len);
must_check long copy_to_user_some(vaddr_t to, const void *from, size_t len);
must_check long clear_user_some(vaddr_t to, size_t len);

/* The same for a buffer, or a part of one, that user_range_ok() has said yes to in this call. */
must_check long copy_from_buffer_some(void *to, vaddr_t from, size_t len);
must_check long copy_to_buffer_some(vaddr_t to, const void *from, size_t len);

/* One word; by one load or store if it is aligned. 0 or -EFAULT; then *out is as it was, and
 * only of a word that is not aligned may a part have been stored. */
must_check int get_user32(vaddr_t from, uint32_t *out);
must_check int get_user64(vaddr_t from, uint64_t *out);
must_check int put_user32(vaddr_t to, uint32_t value);
must_check int put_user64(vaddr_t to, uint64_t value);
/* Two words, one after the other, each as put_user64() would. The first may have been stored. */
must_check int put_user_pair(vaddr_t to, uint64_t first, uint64_t second);

/* The word, if it is there already: nothing is brought. With spinlocks held, too. 0 or -EFAULT. */
must_check int try_get_user32(vaddr_t from, uint32_t *out);

/* In one step: stores `value` if the aligned word is *expected. 0, and in *expected what it was; or
 * -EFAULT. */
must_check int cas_user32(vaddr_t at, uint32_t *expected, uint32_t value);

/*
 * Copies a string with its NUL to `to`, which has room for `size` bytes.
 * Returns: its length without the NUL; -ENAMETOOLONG if there is no NUL within `size`
 *          bytes, which `to` has then; -EFAULT if it runs into memory that is not there
 *          before that, and then `to` has unspecified bytes, and perhaps no NUL.
 */
must_check long strncpy_from_user(char *to, vaddr_t from, size_t size);
