/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words that text and JSON have for what the chain has as numbers. */
#include "config.h"

#include <stdio.h>

#include "xl/output.h"

const char *output_state(chain_domain_state state)
{
    switch (state) {
    case CHAIN_DOMAIN_STATE_RUNNING:    return "running";
    case CHAIN_DOMAIN_STATE_PAUSED:     return "paused";
    case CHAIN_DOMAIN_STATE_OFF:        return "off";
    default:                            return "unknown";
    }
}

const char *output_skipped(chain_disk_treatment treatment)
{
    switch (treatment) {
    case CHAIN_DISK_TREATMENT_SKIPPED_CDROM:    return "CD-ROM";
    case CHAIN_DISK_TREATMENT_SKIPPED_EMPTY:    return "empty";
    case CHAIN_DISK_TREATMENT_SKIPPED_READONLY: return "read-only";
    case CHAIN_DISK_TREATMENT_EXCLUDED:         return "not wanted";
    default:                                    return NULL;
    }
}

const char *output_treatment(chain_disk_treatment treatment)
{
    switch (treatment) {
    case CHAIN_DISK_TREATMENT_INTERNAL: return "internal";
    case CHAIN_DISK_TREATMENT_EXTERNAL: return "external";
    case CHAIN_DISK_TREATMENT_MANUAL:   return "manual";
    default:                            return NULL;
    }
}

const char *output_kind(enum chain_kind kind)
{
    switch (kind) {
    case CHAIN_KIND_NONE:       return NULL;
    case CHAIN_KIND_INTERNAL:   return "internal";
    case CHAIN_KIND_EXTERNAL:   return "external";
    case CHAIN_KIND_MANUAL:     return "manual";
    case CHAIN_KIND_MIXED:      return "mixed";
    }
    return NULL;
}

const char *output_verb(chain_verb verb)
{
    switch (verb) {
    case CHAIN_VERB_CREATE: return "create";
    case CHAIN_VERB_REVERT: return "revert";
    case CHAIN_VERB_DELETE: return "delete";
    case CHAIN_VERB_CLONE:  return "clone";
    case CHAIN_VERB_BLOCK_JOB: return "block job";
    default:                return "unknown";
    }
}

const char *output_step(chain_step step)
{
    switch (step) {
    case CHAIN_STEP_BEGUN:      return "begun";
    case CHAIN_STEP_STOPPING:   return "stopping";
    case CHAIN_STEP_DESTROYING: return "destroying";
    case CHAIN_STEP_APPLYING:   return "applying";
    case CHAIN_STEP_STARTING:   return "starting";
    case CHAIN_STEP_STARTED:    return "started";
    case CHAIN_STEP_REMOVING:   return "removing";
    case CHAIN_STEP_MERGING:    return "merging";
    default:                    return "unknown";
    }
}

int output_out_of_memory(struct manage_error *err)
{
    err->outcome = MANAGE_FAILED;
    snprintf(err->text, sizeof(err->text), "out of memory");
    return ERROR_NOMEM;
}
