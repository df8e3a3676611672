/* What both directions of Banana share. */
#ifndef PYREACTOR_BANANA_H
#define PYREACTOR_BANANA_H

#include "framing/attributes.h"

/* The byte that ends the prefix of an item, and says what it is. */
enum {
    BANANA_LIST = 0x80,
    BANANA_INT,
    BANANA_STRING,
    BANANA_NEG,
    BANANA_FLOAT,
    BANANA_LONGINT,
    BANANA_LONGNEG,
    BANANA_VOCAB
};

enum { BANANA_FLOAT_SIZE = 8 };

/* To the order of the network, and from it. */
static inline void
pyr_banana_order(const char *from, char *to)
{
    for (int i = 0; i < BANANA_FLOAT_SIZE; i++) {
        to[i] = from[PY_LITTLE_ENDIAN ? BANANA_FLOAT_SIZE - 1 - i : i];
    }
}

/* The module's SIZE_LIMIT; -1: nothing that C can compare with; no exception. */
long long pyr_banana_size_limit(pyr_framing_method *method);
/* Is it b"pb", the dialect that has a vocabulary?  -1: C cannot say. */
int pyr_banana_is_pb(core_state *st, PyObject *dialect);

#endif
