/*
 * One intrusive doubly linked list. The head is a struct list that points to itself when empty.
 */
#pragma once

#include <stdbool.h>

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
    l->prev = l->next = l;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_append(struct list *head, struct list *item)
{
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}

/* Safe on an item that list_init() or list_remove() left alone. */
static inline void list_remove(struct list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

/* First item taken off, or NULL. */
static inline struct list *list_pop(struct list *head)
{
    struct list *item = head->next;

    if (item == head)
        return (void *)0;
    list_remove(item);
    return item;
}

/* Moves all of @from to the end of @to. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#define LIST_FOR(it, head) \
    for (struct list *it = (head)->next, *it##_n = it->next; it != (head); it = it##_n, it##_n = it->next)
