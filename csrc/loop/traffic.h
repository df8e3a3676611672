/* The bytes that came and went, which are counted at all times, in the module's state. */
#ifndef PYREACTOR_TRAFFIC_H
#define PYREACTOR_TRAFFIC_H

#include "core/core.h"

/* By kinds of transports; pyreactor/_watch/statistics.py has words for them. */
typedef enum {
    PYR_OVER_TCP,
    PYR_OVER_UNIX,
    PYR_OVER_PIPE,
    PYR_OVER_UDP,
    PYR_OVER_UNIX_DATAGRAM,
    PYR_TRAFFIC_KINDS,
} pyr_traffic_kind;

typedef struct {
    uint64_t received, sent; /* bytes */
} pyr_traffic;

#endif
