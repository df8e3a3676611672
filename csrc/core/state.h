/*
 * The module state: what core keeps itself, and for each room one struct of that room's,
 * which its own header defines.
 *
 * A room adds itself here (a pointer) and in the table in module.c (its pyr_room), and
 * nowhere else.
 */
#ifndef PYREACTOR_STATE_H
#define PYREACTOR_STATE_H

#include "core/depth.h"
#include "core/names.h"
#include "core/standin.h"
#include "core/transport_ops.h"

typedef struct core_state {
    pyr_names names;
    pyr_standin_state standin;
    pyr_depth depth;
    uint64_t callbacks; /* that Deferreds have run */
    struct {            /* class_watch.c's */
        bool told;      /* whether CPython tells of changes of classes */
        int watcher;    /* what it knows this module by, then */
    } class_watch;
    /* The type whose instances these are for, and its subtypes; set by that room. */
    PyTypeObject *transport_type;
    const pyr_transport_ops *transport_ops;
    pyr_deliver_func deliver;         /* set by the framings */
    pyr_deliver_func deliver_records; /* set by TLS once it is used */
    pyr_take_lines take_lines;
    struct pyr_framing_state *framing;
    struct pyr_loop_state *loop;
    struct pyr_transport_state *transport;
    struct pyr_tls_state *tls;
    struct pyr_log_state *log;
    struct pyr_deferred_state *deferred;
    struct pyr_web_state *web;
} core_state;

#endif
