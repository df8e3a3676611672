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
#include "core/room.h"

extern const pyr_room pyr_tls_room;

#endif
