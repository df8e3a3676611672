/* Headers of twisted.web.http_headers; see headers.h. */
#include "web/headers.h"

#include <string.h>

#include "web/objects.h"

/* ---- names ---- */

static uint32_t
hash_of(const char *name, Py_ssize_t size)
{
    uint32_t hash = 2166136261u;
    for (Py_ssize_t i = 0; i < size; i++) {
        hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    }
    return hash ^ (hash >> 15);
}

/* Twisted's own encoder, which refuses what is no token, and keeps what it made. */
static PyObject *
encode_name(core_state *st, PyObject *name)
{
    PyObject *canonical = PyObject_CallOneArg(st->web->encodeName, name);
    if (canonical != NULL && !PyBytes_CheckExact(canonical)) {
        PyErr_Format(PyExc_TypeError, "%R is no name of a header", canonical);
        Py_CLEAR(canonical);
    }
    return canonical;
}

/* A spelling has two places, so that two of the same hash do not drive each other out.
 * The first of them becomes the second; both references are stolen. */
static void
keep_spelling(pyr_spelling *places, PyObject *spelled, PyObject *canonical)
{
    pyr_spelling last = places[1];
    places[1] = places[0];
    places[0] = (pyr_spelling){spelled, canonical};
    Py_XDECREF(last.spelled);
    Py_XDECREF(last.canonical);
}

static inline bool
is_spelled(const pyr_spelling *known, const char *name, Py_ssize_t size)
{
    return known->spelled != NULL && PyBytes_GET_SIZE(known->spelled) == size &&
           memcmp(PyBytes_AS_STRING(known->spelled), name, (size_t)size) == 0;
}

PyObject *
pyr_headers_canonical(core_state *st, const char *name, Py_ssize_t size)
{
    pyr_spelling *places =
        &st->web->spellings[hash_of(name, size) % (PYR_WEB_SPELLINGS / 2) * 2];
    for (int i = 0; i < 2; i++) {
        if (is_spelled(&places[i], name, size)) {
            return Py_NewRef(places[i].canonical);
        }
    }
    PyObject *spelled = PyBytes_FromStringAndSize(name, size);
    PyObject *canonical = spelled == NULL ? NULL : encode_name(st, spelled);
    if (canonical == NULL) {
        Py_XDECREF(spelled);
        return NULL;
    }
    keep_spelling(places, spelled, Py_NewRef(canonical));
    return canonical;
}

/* The same of an argument that names a header; str are Twisted's to encode. */
static PyObject *
canonical_of(core_state *st, PyObject *name)
{
    return PyBytes_CheckExact(name) ? pyr_headers_canonical(st, PyBytes_AS_STRING(name),
                                                            PyBytes_GET_SIZE(name))
                                    : encode_name(st, name);
}

/* ---- the object ---- */

enum { NEW = 1, USE = 2 };

static const pyr_override methods[] = {
    PYR_WEB_METHOD(dunder_init, Headers___init__, NEW),
    PYR_WEB_METHOD(setRawHeaders, Headers_setRawHeaders, USE),
    PYR_WEB_METHOD(getRawHeaders, Headers_getRawHeaders, USE),
    PYR_WEB_METHOD(addRawHeader, Headers_addRawHeader, USE),
    PYR_WEB_METHOD(hasHeader, Headers_hasHeader, USE),
    PYR_WEB_METHOD(getAllRawHeaders, Headers_getAllRawHeaders, USE),
    {0},
};

/* In what the class Headers is not as Twisted made it. */
static unsigned int
overrides(core_state *st)
{
    pyr_web_class *known = &st->web->headers_class;
    if (!pyr_class_is_as_seen(&known->seen, st->web->Headers)) {
        pyr_class_see(st, &known->seen, st->web->Headers);
        known->overrides = pyr_class_overrides(st, st->web->Headers, methods, st->web);
        if (st->web->Headers->tp_new != PyBaseObject_Type.tp_new) {
            known->overrides |= NEW;
        }
    }
    return known->overrides;
}

bool
pyr_headers_is_plain(core_state *st, PyTypeObject *type)
{
    return type == st->web->Headers && (overrides(st) & USE) == 0;
}

/* A Headers of Twisted's own with this dict, whose reference is stolen; NULL: it was not
 * made. */
static PyObject *
headers_with(core_state *st, PyObject *dict)
{
    PyTypeObject *type = st->web->Headers;
    PyObject *headers = dict == NULL ? NULL : type->tp_new(type, st->web->no_args, NULL);
    if (headers != NULL && PyObject_SetAttr(headers, st->names._rawHeaders, dict) < 0) {
        Py_CLEAR(headers);
    }
    Py_XDECREF(dict);
    return headers;
}

PyObject *
pyr_headers_new(core_state *st)
{
    PyTypeObject *type = st->web->Headers;
    PyObject *named = PyDict_GetItemWithError(st->web->http, st->names.Headers);
    if (named == NULL) {
        return PyErr_Occurred()
                   ? NULL
                   : PyErr_Format(PyExc_NameError, "name 'Headers' is not defined");
    }
    if (named != (PyObject *)type || (overrides(st) & NEW) != 0) {
        Py_INCREF(named);
        PyObject *made = PyObject_CallNoArgs(named);
        st->web->asked = true;
        Py_DECREF(named);
        return made;
    }
    return headers_with(st, PyDict_New());
}

PyObject *
pyr_headers_dict(core_state *st, PyObject *headers)
{
    if (!pyr_headers_is_plain(st, Py_TYPE(headers))) {
        return NULL;
    }
    PyObject *dict = PyObject_GetAttr(headers, st->names._rawHeaders);
    if (dict == NULL) {
        PyErr_Clear(); /* the method that is called now will raise it */
    } else if (!PyDict_CheckExact(dict)) {
        Py_CLEAR(dict);
    }
    return dict;
}

PyObject *
pyr_headers_get(core_state *st, PyObject *headers, PyObject *name)
{
    PyObject *dict = pyr_headers_dict(st, headers);
    if (dict == NULL) {
        return pyr_call_named(headers, st->names.getRawHeaders, name);
    }
    PyObject *values;
    int found = PyDict_GetItemRef(dict, name, &values);
    Py_DECREF(dict);
    int truth = found > 0 ? pyr_truth(values) : found;
    if (truth > 0) {
        return values;
    }
    Py_XDECREF(values);
    return truth < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *
pyr_headers_of_request(core_state *st, PyObject *request, PyObject *name)
{
    PyObject *headers = PyObject_GetAttr(request, st->names.requestHeaders);
    PyObject *values = headers == NULL ? NULL : pyr_headers_get(st, headers, name);
    Py_XDECREF(headers);
    return values;
}

int
pyr_headers_add(core_state *st, PyObject *dict, PyObject *name, PyObject *value)
{
    PyObject *values;
    int found = PyDict_GetItemRef(dict, name, &values);
    if (found == 0) {
        values = PyList_New(1);
        if (values != NULL) {
            PyList_SET_ITEM(values, 0, Py_NewRef(value));
            found = PyDict_SetItem(dict, name, values);
        }
    } else if (found > 0) {
        found = PyList_CheckExact(values)
                    ? PyList_Append(values, value)
                    : pyr_call_dropping(values, st->names.append, value);
    }
    int result = values == NULL ? -1 : found;
    Py_XDECREF(values);
    return result < 0 ? -1 : 0;
}

/* ---- methods ---- */

/* Is it bytes that Twisted would store as they are, which are those without line ends? */
static bool
is_one_line(PyObject *value)
{
    return PyBytes_CheckExact(value) &&
           memchr(PyBytes_AS_STRING(value), '\n', (size_t)PyBytes_GET_SIZE(value)) ==
               NULL &&
           memchr(PyBytes_AS_STRING(value), '\r', (size_t)PyBytes_GET_SIZE(value)) ==
               NULL;
}

/* The values as a new list; NULL without an exception: they are Twisted's to encode. */
static PyObject *
plain_values(PyObject *values)
{
    if (!PyList_CheckExact(values)) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values); i++) {
        if (!is_one_line(PyList_GET_ITEM(values, i))) {
            return NULL;
        }
    }
    return PyList_GetSlice(values, 0, PyList_GET_SIZE(values));
}

/* dict[name] = values, for any name; the reference to values is stolen. */
static int
store(core_state *st, PyObject *dict, PyObject *name, PyObject *values)
{
    PyObject *canonical = values == NULL ? NULL : canonical_of(st, name);
    int result = canonical == NULL ? -1 : PyDict_SetItem(dict, canonical, values);
    Py_XDECREF(canonical);
    Py_XDECREF(values);
    return result;
}

int
pyr_headers_set(core_state *st, PyObject *headers, PyObject *name, PyObject *value)
{
    PyObject *values = PyList_New(1);
    if (values == NULL) {
        return -1;
    }
    PyList_SET_ITEM(values, 0, Py_NewRef(value));
    PyObject *dict = is_one_line(value) ? pyr_headers_dict(st, headers) : NULL;
    if (dict != NULL) {
        int stored = store(st, dict, name, values);
        Py_DECREF(dict);
        return stored;
    }
    PyObject *arguments[] = {headers, name, values};
    PyObject *result =
        PyObject_VectorcallMethod(st->names.setRawHeaders, arguments, 3, NULL);
    Py_DECREF(values);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* The dict of any Headers, whose method C stands in for; NULL with an exception or not.
 */
static PyObject *
raw_dict(core_state *st, PyObject *headers)
{
    PyObject *dict = PyObject_GetAttr(headers, st->names._rawHeaders);
    if (dict != NULL && !PyDict_CheckExact(dict)) {
        Py_CLEAR(dict);
    }
    return dict;
}

static inline PyObject *
otherwise(void)
{
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_NotImplemented);
}

PyObject *
pyr_headers_set_raw(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *values = plain_values(args[2]);
    PyObject *dict = values == NULL ? NULL : raw_dict(st, args[0]);
    if (dict == NULL) {
        Py_XDECREF(values);
        return otherwise();
    }
    int result = store(st, dict, args[1], values);
    Py_DECREF(dict);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *
pyr_headers_get_raw(core_state *st, PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *missing = nargs == 3 ? args[2] : Py_None;
    if (!PyBytes_CheckExact(args[1])) {
        return otherwise(); /* a str gets str, decoded */
    }
    PyObject *name = canonical_of(st, args[1]);
    PyObject *dict = name == NULL ? NULL : raw_dict(st, args[0]);
    PyObject *values = NULL;
    int found = dict == NULL ? 0 : PyDict_GetItemRef(dict, name, &values);
    int truth = found > 0 ? pyr_truth(values) : found;
    Py_XDECREF(name);
    if (dict == NULL) {
        return otherwise();
    }
    Py_DECREF(dict);
    if (truth > 0) {
        return values;
    }
    Py_XDECREF(values);
    st->standin.is_given = truth >= 0 && missing == Py_NotImplemented;
    return truth < 0 ? NULL : Py_NewRef(missing);
}

PyObject *
pyr_headers_add_raw(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *dict = is_one_line(args[2]) ? raw_dict(st, args[0]) : NULL;
    if (dict == NULL) {
        return otherwise();
    }
    PyObject *name = canonical_of(st, args[1]);
    int result = name == NULL ? -1 : pyr_headers_add(st, dict, name, args[2]);
    Py_XDECREF(name);
    Py_DECREF(dict);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *
pyr_headers_has(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *name = canonical_of(st, args[1]);
    PyObject *dict = name == NULL ? NULL : raw_dict(st, args[0]);
    if (dict == NULL) {
        Py_XDECREF(name);
        return otherwise();
    }
    int found = PyDict_Contains(dict, name);
    Py_DECREF(name);
    Py_DECREF(dict);
    return found < 0 ? NULL : PyBool_FromLong(found);
}

/* Names and lists of values of a dict, stored in another as setRawHeaders does; NULL
 * without an exception: some of them are Twisted's to encode. */
static PyObject *
copy_dict(core_state *st, PyObject *dict)
{
    PyObject *items = PyDict_Items(dict); /* as an encoder may run code of a program's */
    PyObject *copy = items == NULL ? NULL : PyDict_New();
    for (Py_ssize_t i = 0; copy != NULL && i < PyList_GET_SIZE(items); i++) {
        PyObject *item = PyList_GET_ITEM(items, i);
        PyObject *values = plain_values(PyTuple_GET_ITEM(item, 1));
        if (values == NULL || store(st, copy, PyTuple_GET_ITEM(item, 0), values) < 0) {
            Py_CLEAR(copy);
        }
    }
    Py_XDECREF(items);
    return copy;
}

PyObject *
pyr_headers_copy(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    bool plain = pyr_headers_is_plain(st, Py_TYPE(args[0])) && (overrides(st) & NEW) == 0;
    PyObject *dict = plain ? raw_dict(st, args[0]) : NULL;
    PyObject *copy = dict == NULL ? NULL : copy_dict(st, dict);
    Py_XDECREF(dict);
    return copy == NULL ? otherwise() : headers_with(st, copy);
}

void
pyr_headers_clear(core_state *st)
{
    for (int i = 0; i < PYR_WEB_SPELLINGS; i++) {
        Py_CLEAR(st->web->spellings[i].spelled);
        Py_CLEAR(st->web->spellings[i].canonical);
    }
}
