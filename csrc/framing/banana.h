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

enum { BANANA_FLOAT_SIZE = 8, BANANA_SMALL_DIGITS = 9 /* which fit a long long */ };

/* To the order of the network, and from it. */
static inline void
pyr_banana_order(const char *from, char *to)
{
    for (int i = 0; i < BANANA_FLOAT_SIZE; i++) {
        to[i] = from[PY_LITTLE_ENDIAN ? BANANA_FLOAT_SIZE - 1 - i : i];
    }
}

/* self.name, where the class has no descriptor under that name (new reference). */
static inline PyObject *
pyr_banana_attribute(PyObject *self, PyObject *name)
{
    PyObject *dict = pyr_instance_dict(self);
    PyObject *value = dict == NULL ? NULL : PyDict_GetItemWithError(dict, name);
    return value != NULL || PyErr_Occurred() ? Py_XNewRef(value)
                                             : PyObject_GetAttr(self, name);
}

/* The module's SIZE_LIMIT; -1: nothing that C can compare with; no exception. */
long long pyr_banana_size_limit(pyr_framing_method *method);

/* Without the digits (of seven bits, the last first) that add nothing. */
Py_ssize_t pyr_banana_count_digits(const unsigned char *digits, Py_ssize_t size);
/* The number of up to BANANA_SMALL_DIGITS digits. */
long long pyr_banana_small_number(const unsigned char *digits, Py_ssize_t count);
/* The number of any digits; new reference. */
PyObject *pyr_banana_number(const unsigned char *digits, Py_ssize_t size, bool negative);
/* The float in BANANA_FLOAT_SIZE bytes; new reference. */
PyObject *pyr_banana_float(const char *bytes);

#endif
