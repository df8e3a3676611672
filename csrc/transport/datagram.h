/*
 * DatagramPort: the hot half of UDP and UNIX datagram ports, receiving and sending.  The
 * rare half is Twisted's own Python, which pyreactor/_transport/udp.py mixes in.
 */
#ifndef PYREACTOR_DATAGRAM_H
#define PYREACTOR_DATAGRAM_H

#include "core/core.h"

#include <stdbool.h>

struct Loop;
typedef struct pyr_batch pyr_batch;

void pyr_batch_free(pyr_batch *batch);

int pyr_datagram_exec(PyObject *module, core_state *st);

#endif
