/* Banana: numbers as they are received; see banana.h. */
#include "framing/banana.h"

/* Without the digits that add nothing, which stand at the end. */
Py_ssize_t
pyr_banana_count_digits(const unsigned char *digits, Py_ssize_t size)
{
    while (size > 0 && digits[size - 1] == 0) {
        size--;
    }
    return size;
}

long long
pyr_banana_small_number(const unsigned char *digits, Py_ssize_t count)
{
    unsigned long long number = 0;
    while (count-- > 0) {
        number = number << 7 | digits[count];
    }
    return (long long)number;
}

/* The digits of seven bits as a little-endian number of bytes. */
static PyObject *
large_number(const unsigned char *digits, Py_ssize_t count)
{
    Py_ssize_t size = count - count / 8;
    unsigned char *bytes = PyMem_Malloc((size_t)size);
    if (bytes == NULL) {
        return PyErr_NoMemory();
    }
    unsigned int pending = 0;
    int bits = 0;
    Py_ssize_t at = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        pending |= (unsigned int)digits[i] << bits;
        bits += 7;
        if (bits >= 8) {
            bytes[at++] = (unsigned char)pending;
            pending >>= 8;
            bits -= 8;
        }
    }
    if (at < size) {
        bytes[at] = (unsigned char)pending;
    }
    PyObject *number = PyObject_CallMethod((PyObject *)&PyLong_Type, "from_bytes", "y#s",
                                           (char *)bytes, size, "little");
    PyMem_Free(bytes);
    return number;
}

PyObject *
pyr_banana_number(const unsigned char *digits, Py_ssize_t size, bool negative)
{
    Py_ssize_t count = pyr_banana_count_digits(digits, size);
    if (count <= BANANA_SMALL_DIGITS) {
        long long number = pyr_banana_small_number(digits, count);
        return PyLong_FromLongLong(negative ? -number : number);
    }
    PyObject *number = large_number(digits, count);
    if (number != NULL && negative) {
        Py_SETREF(number, PyNumber_Negative(number));
    }
    return number;
}

PyObject *
pyr_banana_float(const char *bytes)
{
    double number;
    char ordered[BANANA_FLOAT_SIZE];
    pyr_banana_order(bytes, ordered);
    memcpy(&number, ordered, sizeof(number));
    return PyFloat_FromDouble(number);
}
