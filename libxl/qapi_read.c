/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libxl/qapi_read.h"

static int out_of_memory(struct xjson_error *err)
{
    xjson_error_set(err, "out of memory");
    return ERROR_NOMEM;
}

static int within(struct xjson_error *err, const char *name, int rc)
{
    if (rc) xjson_error_within_member(err, name);
    return rc;
}

int qapi_expect(const xjson *value, xjson_type type, struct xjson_error *err)
{
    if (value && xjson_type_of(value) == type) return 0;
    xjson_error_set(err, "expected %s, not %s", xjson_type_name(type),
                    value ? xjson_type_name(xjson_type_of(value)) : "nothing");
    return ERROR_QEMU_API;
}

/* The member, or NULL and success if it may be missing and is. */
static int find(const xjson *object, const char *name,
                enum qapi_presence presence, xjson_type type,
                const xjson **value_r, struct xjson_error *err)
{
    const xjson *value = xjson_member(object, name);
    int rc;

    if (presence == QAPI_OPTIONAL && xjson_type_of(value) == XJSON_NULL) {
        *value_r = NULL;
        return 0;
    }
    rc = within(err, name, qapi_expect(value, type, err));
    if (rc) return rc;
    *value_r = value;
    return 0;
}

int qapi_read_string(const xjson *object, const char *name,
                     enum qapi_presence presence, char **s_r,
                     struct xjson_error *err)
{
    const xjson *value;
    char *s;
    int rc;

    rc = find(object, name, presence, XJSON_STRING, &value, err);
    if (rc || !value) return rc;
    s = strdup(xjson_string(value));
    if (!s) return out_of_memory(err);
    *s_r = s;
    return 0;
}

int qapi_read_uint(const xjson *object, const char *name,
                   enum qapi_presence presence, uint64_t max, uint64_t *n_r,
                   struct xjson_error *err)
{
    const xjson *value;
    int rc;

    rc = find(object, name, presence, XJSON_INTEGER, &value, err);
    if (rc || !value) return rc;
    if (xjson_uint(value, max, n_r)) {
        xjson_error_set(err, "out of range");
        return within(err, name, ERROR_QEMU_API);
    }
    return 0;
}

int qapi_read_bool(const xjson *object, const char *name,
                   enum qapi_presence presence, bool *b_r,
                   struct xjson_error *err)
{
    const xjson *value;
    int rc;

    rc = find(object, name, presence, XJSON_BOOL, &value, err);
    if (rc || !value) return rc;
    return xjson_bool(value, b_r);
}

int qapi_read_array(const xjson *object, const char *name,
                    enum qapi_presence presence, const xjson **array_r,
                    struct xjson_error *err)
{
    const xjson *value;
    int rc;

    rc = find(object, name, presence, XJSON_ARRAY, &value, err);
    if (rc || !value) return rc;
    *array_r = value;
    return 0;
}

int qapi_read_elements(const xjson *array, size_t size,
                       int read_element(const xjson *, void *,
                                        struct xjson_error *),
                       void dispose_element(void *),
                       void **elements_r, size_t *num_r,
                       struct xjson_error *err)
{
    size_t num = xjson_count(array), i = 0;
    const xjson *value;
    char *elements = NULL;
    int rc;

    elements = calloc(num ? num : 1, size);
    if (!elements) return out_of_memory(err);
    for (value = xjson_first(array); value; value = xjson_next(value)) {
        rc = qapi_expect(value, XJSON_OBJECT, err);
        if (!rc) rc = read_element(value, elements + i * size, err);
        if (rc) {
            xjson_error_within_element(err, i);
            goto out;
        }
        i++;
    }
    *elements_r = elements;
    *num_r = num;
    return 0;
 out:
    /* the one that failed may be half full */
    qapi_dispose_elements(elements, i + 1, size, dispose_element);
    return rc;
}

void qapi_dispose_elements(void *elements, size_t num, size_t size,
                           void dispose_element(void *))
{
    size_t i;

    if (!elements) return;
    for (i = 0; i < num; i++)
        dispose_element((char *)elements + i * size);
    free(elements);
}
