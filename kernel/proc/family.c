/*
 * See family.h.
 *
 * Numbers are handed out in turn, so that one that was just given back is not used again
 * soon; a bit says which are taken. A group or a session may outlive the process whose number
 * it has: that can only matter once the numbers have gone round.
 */
#include "proc/family.h"

#include "lib/errno.h"
#include "proc/task.h"

struct spinlock families_lock;

static uint64_t taken[PID_MOST / 64]; /* under families_lock; so is what follows */
static int last_number;
static bool gone_round;

int number_take(void)
{
    int found = -EAGAIN;

    spin_lock(&families_lock, RANK_PROCESSES);
    for (int tried = 0; tried < PID_MOST - 1 && found < 0; tried++) {
        if (++last_number == PID_MOST) {
            last_number = 1;
            gone_round = true;
        }
        uint64_t bit = 1ul << last_number % 64;
        if (taken[last_number / 64] & bit) continue;
        if (gone_round && process_number_is_named(last_number)) continue;
        taken[last_number / 64] |= bit;
        found = last_number;
    }
    spin_unlock(&families_lock, RANK_PROCESSES);
    return found;
}

void number_give(int n)
{
    spin_lock(&families_lock, RANK_PROCESSES);
    taken[n / 64] &= ~(1ul << n % 64);
    spin_unlock(&families_lock, RANK_PROCESSES);
}
