/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that make sense on the server's host only, and why.
 * Runs on: the main thread. Holds: the table. Not here: what the admin API does not offer of the others
 * (admin/api_call.c). */
#include "cli/commands.h"

static const struct {
    enum cli_exit (*run)(const struct options *options);
    const char *why;
} local[] = {
    {cmd_init, "it makes files on the host it runs on"},
    {cmd_check, "it reads a configuration on the host it runs on"},
    {cmd_serve, "it is the server"},
    {cmd_explain, "it reads a configuration on the host it runs on"},
    {cmd_verify_erasure, "it reads a copy of a store"},
    {cmd_backup, "the copies are written on the server's host"},
    {cmd_restore, "it puts files in the place of a store"},
    {cmd_ledger_verify, "it reads the files of a store"},
    {cmd_ledger_mirror, "it reads the files of a store"},
    {cmd_audit_verify, "it reads the files of a store"},
    {cmd_doctor, "it looks at the host it runs on"},
};

const char *command_local(const struct command *c)
{
    for (size_t i = 0; i < COUNT_OF(local); i++)
        if (local[i].run == c->run)
            return local[i].why;
    return NULL;
}

uint64_t command_takes(const struct command *c)
{
    const bool asks = (c->options & OPTION_CONFIG) != 0 && command_local(c) == NULL;

    return c->options | OPTION_HELP | (asks ? OPTION_SERVER : 0);
}
