/*
 * A room's part in the module's life: each room has one constant of this type, a pointer
 * to its struct in core_state, and a line in module.c, and nothing else outside.
 */
#ifndef PYREACTOR_ROOM_H
#define PYREACTOR_ROOM_H

#include "core/given.h"

struct core_state;

/* A function that is NULL has nothing to do. */
typedef struct {
    const char *name; /* by which configure() gives it objects; NULL: it needs none */
    size_t state;     /* where core_state has the pointer to its struct; 0: core's own */
    size_t size;      /* of that struct, for which memory is made; 0: it is there */
    const pyr_given *objects; /* what the struct owns, besides what the last two know */
    int (*exec)(PyObject *module, struct core_state *st);
    /* It has got its objects, and may look for more in the dict `given` (or NULL). */
    int (*configure)(PyObject *module, struct core_state *st, PyObject *given);
    int (*traverse)(struct core_state *st, visitproc visit, void *arg);
    void (*clear)(struct core_state *st);
} pyr_room;

#define PYR_ROOM_STATE(room)                            \
    .name = #room, .state = offsetof(core_state, room), \
    .size = sizeof(struct pyr_##room##_state)

#endif
