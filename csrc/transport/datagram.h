/*
 * DatagramPort: the hot half of UDP and UNIX datagram ports, receiving and sending.  The
 * rare half is Twisted's own Python, which pyreactor/_udp.py mixes in.
 */
#ifndef PYREACTOR_DATAGRAM_H
#define PYREACTOR_DATAGRAM_H

#include "core/core.h"

#include <stdbool.h>

struct Loop;
typedef struct pyr_batch pyr_batch;

/* Datagrams that an event further up the stack has received but not delivered yet: for an
 * iteration inside it they are what the kernel would say is readable.  Delivers them, and
 * tells whether there were any. */
bool pyr_datagram_deliver_rest(struct Loop *loop);

/* In a forked child: what was received and not delivered yet is the parent's. */
void pyr_datagram_forked(core_state *st);

void pyr_batch_free(pyr_batch *batch);

int pyr_datagram_exec(PyObject *module, core_state *st);

#endif
