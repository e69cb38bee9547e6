/* Timers in the order of their time: a heap. */
#ifndef AP_TIMERS_H
#define AP_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
    int64_t due;  /* see clock.h */
    size_t place; /* in the heap */
};

struct timers {
    struct timer **heap; /* the first is due first; entry i is due no later than 2i + 1 and 2i + 2 */
    size_t size, room;
};

bool timers_add(struct timers *t, struct timer *timer); /* false: no memory */
void timers_remove(struct timers *t, struct timer *timer);
void timers_change(struct timers *t, struct timer *timer, int64_t due);

static inline struct timer *timers_first(const struct timers *t) { return t->size == 0 ? NULL : t->heap[0]; }

#endif
