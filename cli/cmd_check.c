/* SPDX-License-Identifier: Apache-2.0 */
/* lethe check: is the configuration one that a server would start with?
 * Runs on: the main thread. Holds: nothing. Not here: whether the store is sound (a server may have
 * it open). */
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/settings.h"

enum cli_exit cmd_check(const struct options *o)
{
    AUTO(root_keys_done) struct root_keys roots = {.count = 0};
    AUTO(settings_done) struct settings settings = {.conf = NULL};
    struct errmsg msg;
    enum err e;

    e = settings_load(o->config, SETTINGS_ALL, &settings, &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    keys_use_fd(settings.keys, o->passphrase_fd);
    e = keys_load(settings.keys, &roots, &msg);
    if (e != ERR_OK)
        return cli_fail(ERR_CONFIG, &msg);
    if (access(settings.store_dir, F_OK) != 0)
        return cli_fail(ERR_CONFIG, cli_message(&msg, "%s: there is no store; lethe init makes one",
                                                settings.store_dir));
    return output_write(SPAN_LIT("ok\n")) == ERR_OK ? CLI_OK : CLI_FAILED;
}
