/*
 * The module state: the sum of the concepts' own states.
 *
 * A concept adds itself here (a struct member), in the table in module.c (its exec,
 * traverse and clear hooks), and nowhere else.
 */
#ifndef PYREACTOR_STATE_H
#define PYREACTOR_STATE_H

#include "core/names.h"
#include "deferred/object.h"
#include "core/depth.h"
#include "framing/framing.h"
#include "loop/reactor_state.h"
#include "core/standin.h"
#include "tls/records.h"

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
