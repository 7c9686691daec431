/* See types.h. Kinds are registered at boot, and never go: readers take no reference. */
#include "fs/types.h"

#include "fs/dentry.h"
#include "lib/string.h"

static struct list types = {&types, &types}; /* under the lock of the tree */

void file_system_type_register(struct file_system_type *t)
{
    tree_lock();
    list_push_back(&types, &t->link);
    tree_unlock();
}

struct file_system_type *file_system_type_at(unsigned index)
{
    struct file_system_type *found = NULL;
    struct list *it;

    tree_lock();
    list_for_each (it, &types) {
        if (index-- > 0) continue;
        found = list_entry(it, struct file_system_type, link);
        break;
    }
    tree_unlock();
    return found;
}

struct file_system_type *file_system_type_find(const char *name)
{
    struct file_system_type *t;

    for (unsigned i = 0; (t = file_system_type_at(i)) != NULL; i++) {
        if (strcmp(t->name, name) == 0) return t;
    }
    return NULL;
}
