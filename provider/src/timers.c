#include "timers.h"

#include <stdlib.h>

static void put(struct timers *t, size_t place, struct timer *timer)
{
    t->heap[place] = timer;
    timer->place = place;
}

/* Puts a timer at a place that is free, or at one above or below it where it belongs. */
static void settle(struct timers *t, size_t place, struct timer *timer)
{
    size_t next;

    for (; place > 0 && timer->due < t->heap[(place - 1) / 2]->due; place = (place - 1) / 2)
        put(t, place, t->heap[(place - 1) / 2]);
    for (; (next = 2 * place + 1) < t->size; place = next) {
        if (next + 1 < t->size && t->heap[next + 1]->due < t->heap[next]->due)
            next++;
        if (timer->due <= t->heap[next]->due)
            break;
        put(t, place, t->heap[next]);
    }
    put(t, place, timer);
}

static bool extend(struct timers *t)
{
    size_t room = t->room == 0 ? 64 : 2 * t->room;
    struct timer **heap = realloc(t->heap, room * sizeof(*heap));

    if (heap == NULL)
        return false;
    t->heap = heap;
    t->room = room;
    return true;
}

bool timers_add(struct timers *t, struct timer *timer)
{
    if (t->size == t->room && !extend(t))
        return false;
    settle(t, t->size++, timer);
    return true;
}

void timers_remove(struct timers *t, struct timer *timer)
{
    struct timer *last = t->heap[--t->size];

    if (last != timer)
        settle(t, timer->place, last);
}

void timers_change(struct timers *t, struct timer *timer, int64_t due)
{
    timer->due = due;
    settle(t, timer->place, timer);
}
