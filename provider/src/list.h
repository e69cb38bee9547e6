/* A doubly linked list in a ring, with a head that is no member. */
#ifndef AP_LIST_H
#define AP_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *previous; /* a member of no list: undefined */
};

#define LIST_OWNER(member, type, field) ((type *)(void *)((char *)(member) - offsetof(type, field)))

static inline void list_init(struct list *head) { head->next = head->previous = head; }

static inline bool list_is_empty(const struct list *head) { return head->next == head; }

static inline void list_append(struct list *head, struct list *member)
{
    member->next = head;
    member->previous = head->previous;
    head->previous->next = member;
    head->previous = member;
}

static inline void list_remove(struct list *member)
{
    member->previous->next = member->next;
    member->next->previous = member->previous;
}

#endif
