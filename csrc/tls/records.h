/*
 * The hot methods of Twisted's TLSMemoryBIOProtocol in C, as functions of the module that
 * take the protocol first.  pyreactor/_tls/records.py puts a StandIn for each into the
 * class.
 *
 * Each calls the others as Twisted's do: one that a program replaced, on a class or an
 * instance, is called.
 */
#ifndef PYREACTOR_RECORDS_H
#define PYREACTOR_RECORDS_H

#include "core/core.h"
#include "core/given.h"

extern const pyr_given pyr_tls_objects[];

int pyr_tls_exec(PyObject *module, core_state *st);
void pyr_tls_clear(core_state *st);

#endif
