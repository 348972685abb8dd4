/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include "xl/cmdtable.h"

#define HELP_OPTION \
    "-h, --help              Print this help.\n"
#define JSON_OPTION \
    "--json                  Print the result as JSON.\n"
#define DRY_RUN_OPTION \
    "-N, --dry-run           Change nothing; print what would be done as JSON.\n"

const struct cmd_spec cmd_table[] = {
    { "snapshot-create",
      &main_snapshot_create, true, true,
      "Take a snapshot of a domain's memory and disks",
      "[options] <Domain> [<Name>]",
      "--description TEXT      Remember TEXT with the snapshot.\n"
      "--disk-only             Leave the memory of a running domain out.\n"
      "--external              Freeze the disks' images; what is written from\n"
      "                        then on goes to overlays.\n"
      "--diskspec VDEV[,snapshot=internal|external|manual|no][,file=PATH]\n"
      "           [,format=qcow2|qed][,reuse][,hook=PROGRAM]\n"
      "                        What to do with one disk; manual: a program\n"
      "                        does it, such as the one for LVM thin volumes.\n"
      "--hook-timeout SECONDS  Wait so long for each run of a hook, not 30.\n"
      "--memory-buffer SIZE    So much of dom0's memory (64M, 2G) for the\n"
      "                        guest's pages while it stands still.\n"
      "--memory-digest sha256  Note the SHA-256 of the memory image.\n"
      "--memory-level N        Pack the memory by zstd's level N; 0: do not.\n"
      "--pause-budget MS       Refuse if the guest is likely to stand still for\n"
      "                        longer.\n"
      "--quiesce               Have the guest's agent freeze its file systems\n"
      "                        meanwhile; for snapshots without memory.\n"
      "--quiesce-timeout SECONDS\n"
      "                        Wait so long for each of the agent's answers.\n"
      "--config FILE           The configuration of a domain that is off and\n"
      "                        has no snapshot yet.\n"
      DRY_RUN_OPTION JSON_OPTION HELP_OPTION
    },
    { "snapshot-list",
      &main_snapshot_list, false, false,
      "List the snapshots of one or all domains",
      "[options] [<Domain>]",
      "--tree                  Show which snapshot descends from which.\n"
      "--names                 Names alone: of the domain's snapshots, or of\n"
      "                        the domains that have snapshots.\n"
      "--dot                   The tree in Graphviz' language.\n"
      "-o, --columns COL,...   These columns; '-o help' tells which there are.\n"
      "-H, --no-header         No heading, and tabs between the columns.\n"
      "-p, --exact             Bytes, seconds since 1970, microseconds.\n"
      "--parent                The column 'parent' after those of -o.\n"
      "--topological           Parents before their children.\n"
      "--from NAME             What was taken after NAME: its children.\n"
      "--current               The same of the current one.\n"
      "--descendants           Their children too, and so on.\n"
      "Of these, any within a line, and all lines:\n"
      "--roots                 Without a parent.\n"
      "--leaves, --no-leaves   Without children, with some.\n"
      "--internal, --external  Without external disks, with some.\n"
      "--active, --inactive, --disk-only\n"
      "                        Of a domain that was not off, with memory; that\n"
      "                        was off; that was not, without memory.\n"
      JSON_OPTION HELP_OPTION
    },
    { "snapshot-info",
      &main_snapshot_info, false, false,
      "Show all about a snapshot, by default the current one",
      "[options] <Domain> [<Name>]",
      JSON_OPTION HELP_OPTION
    },
    { "snapshot-dump",
      &main_snapshot_dump, false, false,
      "Print all that is stored of a snapshot but its memory, as JSON",
      "[options] <Domain> [<Name>]",
      JSON_OPTION HELP_OPTION
    },
    { "snapshot-diff",
      &main_snapshot_diff, false, true,
      "Tell what differs between two snapshots, or one and the present",
      "[options] <Domain> <Name> [<Name2>]",
      JSON_OPTION HELP_OPTION
    },
    { "snapshot-revert",
      &main_snapshot_revert, true, true,
      "Put a domain back to a snapshot, giving up its present state",
      "[options] <Domain> <Name>",
      "--running               Let the domain run afterwards.\n"
      "--paused                Leave the domain paused.\n"
      "--off                   Leave the domain off.\n"
      "                        The default is the state that the snapshot's\n"
      "                        memory was in, and off when it has none.\n"
      "--undo                  Keep the present as a snapshot first.\n"
      "--no-undo               Do not, and do not ask.\n"
      "--hook-timeout SECONDS  Wait so long for each run of a hook, not 30.\n"
      "--no-set-clock          Leave the guest's clock to the guest.\n"
      "--clock-timeout SECONDS Wait so long for its agent to set it, not 5.\n"
      DRY_RUN_OPTION JSON_OPTION HELP_OPTION
    },
    { "snapshot-delete",
      &main_snapshot_delete, true, true,
      "Delete a snapshot; the domain stays as it is",
      "[options] <Domain> <Name>",
      "--children              Delete all that descend from it as well.\n"
      "--children-only         Delete all that descend from it, and keep it.\n"
      "--metadata              Forget it, and leave disks and images alone.\n"
      "--merge                 Refuse if an image could not be merged;\n"
      "--merge-force           keep such an image (the default).\n"
      "--discard               Refuse if anything descends from it;\n"
      "--discard-force         delete that as well.\n"
      "--hook-timeout SECONDS  Wait so long for each run of a hook, not 30.\n"
      DRY_RUN_OPTION JSON_OPTION HELP_OPTION
    },
    { "snapshot-rename",
      &main_snapshot_rename, true, true,
      "Rename a snapshot",
      "[options] <Domain> <Name> <NewName>",
      DRY_RUN_OPTION JSON_OPTION HELP_OPTION
    },
    { "snapshot-current",
      &main_snapshot_current, false, false,
      "Print the snapshot that a domain's present state descends from",
      "[options] <Domain>",
      JSON_OPTION HELP_OPTION
    },
    { "snapshot-redefine",
      &main_snapshot_redefine, true, true,
      "Put back the record of snapshots that got lost",
      "[options] <Domain> <File>",
      "--update                Change description and parent of snapshots that\n"
      "                        are there.\n"
      "--current               Make it the current snapshot.\n"
      "--disk-only             Put it back without its memory.\n"
      "--memory FILE           Its memory image.\n"
      DRY_RUN_OPTION JSON_OPTION HELP_OPTION
    },
    { "snapshot-adopt",
      &main_snapshot_adopt, true, true,
      "Take over snapshots that qemu-img made in a domain's disks",
      "[options] <Domain> [<Name>...]",
      "--all                   All that can be taken over.\n"
      "--parent NAME           What the oldest of them descends from.\n"
      "--current               Make the newest of them the current snapshot.\n"
      "--config FILE           The configuration of a domain that is off and\n"
      "                        has no snapshot yet.\n"
      DRY_RUN_OPTION JSON_OPTION HELP_OPTION
    },
    { "snapshot-export",
      &main_snapshot_export, true, true,
      "Write a snapshot with all that belongs to it to one file",
      "[options] <Domain> <Name> <File>",
      "--xl                    Its memory alone, for the system's xl restore.\n"
      "--compress METHOD       none, gzip, xz or zstd; the default is what the\n"
      "                        file's name ends in.\n"
      "--work-dir DIR          Where a copy of one disk at a time may be.\n"
      DRY_RUN_OPTION JSON_OPTION HELP_OPTION
    },
    { "snapshot-import",
      &main_snapshot_import, true, true,
      "Make a new domain's first snapshot from an exported one",
      "[options] <File>",
      "--name DOMAIN           What the domain is to be called.\n"
      "--snapshot-name NAME    What the snapshot is to be called.\n"
      "--dir DIR               Where the images of its disks go.\n"
      DRY_RUN_OPTION JSON_OPTION HELP_OPTION
    },
    { "snapshot-clone",
      &main_snapshot_clone, true, true,
      "Make a new domain that begins where a snapshot is",
      "[options] <Domain> <Name> <NewDomain>",
      "--running               Let the new domain run.\n"
      "--paused                Leave it paused.\n"
      "--off                   Make its disks alone.\n"
      "                        The default is the state that the snapshot's\n"
      "                        memory was in, and off when it has none.\n"
      "--directory DIR         Where the images of its disks go, if not beside\n"
      "                        those of the snapshot.\n"
      "--no-set-clock          Leave the guest's clock to the guest.\n"
      "--clock-timeout SECONDS Wait so long for its agent to set it, not 5.\n"
      DRY_RUN_OPTION JSON_OPTION HELP_OPTION
    },
    { "snapshot-recover",
      &main_snapshot_recover, true, true,
      "Finish or undo what an interrupted snapshot command left",
      "[options] [<Domain>]",
      "--hook-timeout SECONDS  Wait so long for each run of a hook, not 30.\n"
      DRY_RUN_OPTION JSON_OPTION HELP_OPTION
    },
    { "snapshot-verify",
      &main_snapshot_verify, false, true,
      "Read what is stored of snapshots, and say what is damaged",
      "[options] [<Domain> [<Name>]]",
      "--all                   All snapshots of all domains, as without <Domain>.\n"
      JSON_OPTION HELP_OPTION
    },
    { "snapshot-thaw",
      &main_snapshot_thaw, false, true,
      "Have a guest's agent thaw the file systems that a snapshot left frozen",
      "[options] <Domain>",
      "--timeout SECONDS       Wait so long for each of the agent's answers.\n"
      JSON_OPTION HELP_OPTION
    },
    { "block-chain",
      &main_block_chain, false, false,
      "List the images that a disk is made of",
      "[options] <Domain> <Vdev>",
      JSON_OPTION HELP_OPTION
    },
    { "block-pull",
      &main_block_pull, true, true,
      "Copy into a running domain's disk what it reads from images below",
      "[options] <Domain> <Vdev>",
      "--base IMAGE            Keep IMAGE and what is below it; without this,\n"
      "                        the disk needs no other image afterwards.\n"
      "--bandwidth SPEED       Of MiB in a second, or with K, M or G.\n"
      "--bytes                 The speed is of bytes in a second.\n"
      "--wait                  Wait for its end; Ctrl-C stops it.\n"
      "--timeout SECONDS       Wait so long, and then stop it.\n"
      "--detach                Do not stop it then: it goes on.\n"
      DRY_RUN_OPTION JSON_OPTION HELP_OPTION
    },
    { "block-job",
      &main_block_job, true, true,
      "Ask for a disk's block job, wait for it, or stop it",
      "[options] <Domain> <Vdev>",
      "--info                  How far it is, or how it ended (the default).\n"
      "--abort                 Stop it.\n"
      "--speed SPEED           Of MiB in a second, or with K, M or G; 0: no\n"
      "                        limit.\n"
      "--bytes                 The speed is of bytes in a second.\n"
      "--wait, --timeout SECONDS, --detach\n"
      "                        As those of block-pull.\n"
      DRY_RUN_OPTION JSON_OPTION HELP_OPTION
    },
};

const size_t cmd_table_len = sizeof(cmd_table) / sizeof(cmd_table[0]);

const struct cmd_spec *cmdtable_lookup(const char *typed, bool *ambiguous_r)
{
    static const char ours[] = "snapshot-";
    const struct cmd_spec *found = NULL;
    size_t i, len = strlen(typed);

    *ambiguous_r = false;
    for (i = 0; i < cmd_table_len; i++) {
        if (!strcmp(cmd_table[i].name, typed)) return &cmd_table[i];
    }
    if (strncmp(typed, ours, strlen(ours))) return NULL;

    for (i = 0; i < cmd_table_len; i++) {
        if (strncmp(cmd_table[i].name, typed, len)) continue;
        if (found) {
            *ambiguous_r = true;
            return NULL;
        }
        found = &cmd_table[i];
    }
    return found;
}

/* Those of the system's xl, and the shortest beginning that is theirs alone. */
static const struct system_cmd {
    struct cmd_spec spec;
    const char *shortest;
} system_cmds[] = {
    { { .name = "create", .impl = &main_domain_create }, "cr" },
    { { .name = "rename", .impl = &main_domain_rename }, "ren" },
    { { .name = "block-attach", .impl = &main_block_attach }, "block-a" },
    { { .name = "block-detach", .impl = &main_block_detach }, "block-d" },
    { { .name = "config-update", .impl = &main_config_update }, "conf" },
};

const struct cmd_spec *cmdtable_lookup_system(const char *typed)
{
    const struct system_cmd *cmd;
    size_t i, len = strlen(typed);

    for (i = 0; i < sizeof(system_cmds) / sizeof(system_cmds[0]); i++) {
        cmd = &system_cmds[i];
        if (len >= strlen(cmd->shortest) && !strncmp(cmd->spec.name, typed, len))
            return &cmd->spec;
    }
    return NULL;
}
