/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBXL_SNAPSHOT_EXPORT_H
#define LIBXL_SNAPSHOT_EXPORT_H

/* Everything is hidden but what carries this mark. */
#define LIBXL_SNAPSHOT_EXPORT __attribute__((visibility("default")))

#endif
