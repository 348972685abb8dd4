/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The facts that predictions are made from, and the answer to them. */
#ifndef MANAGE_SPACE_H
#define MANAGE_SPACE_H

#include "manage/internal.h"
#include "manage/predict.h"

/*
 * What is at path; of one that is not there, the volume of the folder that it
 * would be made in. The size of the disk and of its clusters are looked up in
 * the head of the image, if its format is stated to have one.
 */
void space_look(const char *path, libxl_disk_format format,
                struct space_facts *facts_r);

/* Sum p up, and fill in what is free. */
int space_measure(struct operation *op, struct prediction *p);

/* The same, and refuse with MANAGE_NO_SPACE what does not fit: nothing may
 * have been started yet. */
int space_check(struct operation *op, struct prediction *p);

#endif
