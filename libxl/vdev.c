/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include <libxl.h>

#include "libxl/vdev.h"

/*
 * The numbers, as xen-vbd-interface(7) has them:
 *
 *   202 << 8 | disk << 4 | partition     xvd, d    disk < 16, partition < 16
 *   1 << 28 | disk << 8 | partition      xvd, d    disk < 2^20, partition < 256
 *     8 << 8 | disk << 4 | partition     sd        disk < 16, partition < 16
 *     3 << 8 | disk << 6 | partition     hd        disk 0, 1, partition < 64
 *    22 << 8 | (disk - 2) << 6 | part.   hd        disk 2, 3, partition < 64
 */
#define MAJOR_XVD 202u
#define MAJOR_SD    8u
#define MAJOR_HD0   3u
#define MAJOR_HD1  22u
#define EXTENDED  (1u << 28)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

/* Decimal digits at *s, one at least, no superfluous zero. */
static bool take_number(const char **s, uint32_t max, uint32_t *n_r)
{
    uint64_t n = 0;
    const char *p = *s;

    if (!is_digit(*p) || (p[0] == '0' && is_digit(p[1]))) return false;
    for (; is_digit(*p); p++) {
        n = n * 10 + (uint32_t)(*p - '0');
        if (n > max) return false;
    }
    *s = p;
    *n_r = (uint32_t)n;
    return true;
}

/* a ... z, aa ... zz, aaa: counting without a zero. */
static bool take_letters(const char **s, uint32_t max, uint32_t *n_r)
{
    uint64_t n = 0;
    const char *p = *s;

    if (!is_letter(*p)) return false;
    for (; is_letter(*p); p++) {
        n = n * 26 + (uint32_t)(*p - 'a') + 1;
        if (n > (uint64_t)max + 1) return false;
    }
    *s = p;
    *n_r = (uint32_t)(n - 1);
    return true;
}

static bool xvd_number(uint32_t disk, uint32_t partition, uint32_t *number_r)
{
    if (disk < 16 && partition < 16)
        *number_r = MAJOR_XVD << 8 | disk << 4 | partition;
    else
        *number_r = EXTENDED | disk << 8 | partition;
    return true;
}

static bool sd_number(uint32_t disk, uint32_t partition, uint32_t *number_r)
{
    if (partition > 15) return false;
    *number_r = MAJOR_SD << 8 | disk << 4 | partition;
    return true;
}

static bool hd_number(uint32_t disk, uint32_t partition, uint32_t *number_r)
{
    if (partition > 63) return false;
    *number_r = (disk < 2 ? MAJOR_HD0 : MAJOR_HD1) << 8 | (disk & 1) << 6 |
                partition;
    return true;
}

static const struct vdev_kind {
    const char *prefix;
    uint32_t max_disk;
    bool (*number)(uint32_t disk, uint32_t partition, uint32_t *number_r);
} vdev_kinds[] = {
    { "xvd", (1u << 20) - 1, xvd_number },
    { "hd", 3, hd_number },
    { "sd", 15, sd_number },
};

static bool parse_letters(const char *vdev, uint32_t *number_r)
{
    const struct vdev_kind *kind;
    uint32_t disk, partition = 0;
    size_t i;

    for (i = 0; i < sizeof(vdev_kinds) / sizeof(vdev_kinds[0]); i++) {
        kind = &vdev_kinds[i];
        if (strncmp(vdev, kind->prefix, strlen(kind->prefix))) continue;
        vdev += strlen(kind->prefix);
        if (!take_letters(&vdev, kind->max_disk, &disk)) return false;
        if (*vdev && !take_number(&vdev, 255, &partition)) return false;
        return !*vdev && kind->number(disk, partition, number_r);
    }
    return false;
}

/* d536, d536p37 */
static bool parse_dp(const char *vdev, uint32_t *number_r)
{
    uint32_t disk, partition = 0;

    if (*vdev++ != 'd') return false;
    if (!take_number(&vdev, (1u << 20) - 1, &disk)) return false;
    if (*vdev == 'p') {
        vdev++;
        if (!take_number(&vdev, 255, &partition)) return false;
    }
    return !*vdev && xvd_number(disk, partition, number_r);
}

static bool parse_decimal(const char *vdev, uint32_t *number_r)
{
    uint32_t number;

    if (!take_number(&vdev, UINT32_MAX, &number) || *vdev) return false;
    *number_r = number;
    return true;
}

int vdev_number(const char *vdev, uint32_t *number_r)
{
    uint32_t number;

    if (!vdev) return ERROR_INVAL;
    if (!parse_letters(vdev, &number) && !parse_dp(vdev, &number) &&
        !parse_decimal(vdev, &number))
        return ERROR_INVAL;
    *number_r = number;
    return 0;
}
