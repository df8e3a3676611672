/*
 * The module state: the sum of the concepts' own states.
 *
 * A concept adds itself here (a struct member), in the table in module.c (its exec,
 * traverse and clear hooks), and nowhere else.
 */
#ifndef PYREACTOR_STATE_H
#define PYREACTOR_STATE_H

#include "names.h"
#include "deferred.h"
#include "depth.h"
#include "framing.h"
#include "reactor_state.h"
#include "standin.h"
#include "tls.h"

typedef struct core_state {
    pyr_names names;
    pyr_standin_state standin;
    pyr_deferred_state deferred;
    pyr_framing_state framing;
    pyr_reactor_state reactor;
    pyr_tls_state tls;
    pyr_depth depth;
} core_state;

#endif
