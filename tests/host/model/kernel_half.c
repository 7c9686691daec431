/* Kernel halves of roots: the model's spaces have none. */
#include "mm/kspace.h"
#include "mm/user_root.h"

void kspace_copy_root(pte_t *root, unsigned levels)
{
    (void)root;
    (void)levels;
}

void kspace_clear_root(pte_t *root) { (void)root; }

void user_root_init(pte_t *root) { (void)root; }
void user_root_clear(pte_t *root) { (void)root; }
