/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Members of the objects that QEMU and its tools answer with, into C
 * variables. All fail with ERROR_QEMU_API (err says where and why) when a
 * member has another type than expected, is out of range, or is missing and
 * not optional; *_r is then untouched, as it is when an optional member is
 * missing or null. Members that nobody asks for are ignored, since QEMU adds
 * some with every release.
 */
#ifndef XLS_QAPI_READ_H
#define XLS_QAPI_READ_H

#include "libxl/json.h"

enum qapi_presence { QAPI_REQUIRED, QAPI_OPTIONAL };

/* A copy, the caller's to free; also ERROR_NOMEM. */
int qapi_read_string(const xjson *object, const char *name,
                     enum qapi_presence presence, char **s_r,
                     struct xjson_error *err);

int qapi_read_uint(const xjson *object, const char *name,
                   enum qapi_presence presence, uint64_t max, uint64_t *n_r,
                   struct xjson_error *err);

int qapi_read_bool(const xjson *object, const char *name,
                   enum qapi_presence presence, bool *b_r,
                   struct xjson_error *err);

/* *array_r points into object; NULL counts as empty for xjson_count. */
int qapi_read_array(const xjson *object, const char *name,
                    enum qapi_presence presence, const xjson **array_r,
                    struct xjson_error *err);

/* "expected an array", as an error. */
int qapi_expect(const xjson *value, xjson_type type, struct xjson_error *err);

/*
 * Read every element of array into a new array of elements of size bytes,
 * zeroed before. On failure everything read so far is disposed of and the
 * error says which element it was.
 */
int qapi_read_elements(const xjson *array, size_t size,
                       int read_element(const xjson *, void *,
                                        struct xjson_error *),
                       void dispose_element(void *),
                       void **elements_r, size_t *num_r,
                       struct xjson_error *err);

/* Dispose of an array made so. */
void qapi_dispose_elements(void *elements, size_t num, size_t size,
                           void dispose_element(void *));

#endif
