/*
 * Has a class changed since it was looked at?
 *
 * What was found out about a class is true until that class or one of its bases changes:
 * an attribute set or deleted, other bases.  Whoever keeps it keeps a pyr_class_seen with
 * it: see the class first, then look at it, and look again when it is not as seen.
 *
 * CPython 3.12 and later tell of a change (PyType_Watch), each once: all classes that
 * were seen share one counter, which any of their changes raises.  A class that ends
 * changes, too, so that another one at its address is not taken for it.  Of a class that
 * CPython tells nothing about (it has changed too often, or all watchers are taken)
 * nothing is ever as seen.  Earlier versions, whose layouts are settled, number each
 * state of a class.
 */
#ifndef PYREACTOR_CLASS_WATCH_H
#define PYREACTOR_CLASS_WATCH_H

#include "core/compat.h"
#include "core/room.h"

#include <stdbool.h>
#include <stdint.h>

/* A class as it was when it was seen.  All zero: none was. */
typedef struct {
    const PyTypeObject *type; /* compared only */
    uint64_t stamp;           /* 0: what is found out now cannot be kept */
} pyr_class_seen;

/* From now on a change of the class will be known.  No Python code runs. */
void pyr_class_see(struct core_state *st, pyr_class_seen *seen, PyTypeObject *type);

#if PY_VERSION_HEX >= 0x030C0000
/* Begins with 1; one for all interpreters, which share the GIL. */
extern uint64_t pyr_class_changes;
#endif

/* Is it this class that was seen, and unchanged? */
static inline bool
pyr_class_is_as_seen(const pyr_class_seen *seen, PyTypeObject *type)
{
#if PY_VERSION_HEX >= 0x030C0000
    return seen->type == type && seen->stamp == pyr_class_changes;
#else
    return seen->type == type && seen->stamp != 0 && seen->stamp == pyr_class_tag(type);
#endif
}

extern const pyr_room pyr_class_watch_room;

#endif
