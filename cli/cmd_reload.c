/* SPDX-License-Identifier: Apache-2.0 */
/* lethe reload: have the server read its configuration again, and hear what it says.
 * Runs on: the main thread; blocks. Holds: nothing. Not here: what a reload does (cli/reload.c). */
#include <unistd.h>

#include "admin/client.h"
#include "admin/socket.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/settings.h"

enum { ANSWER_MS = 300000 };

static enum err ask(const struct settings *settings, struct errmsg *msg)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(json_free) struct json *answer = NULL;
    AUTO(fd_close) int fd = -1;
    enum err e = socket_connect(settings->store_dir, &fd, msg);

    if (e == ERR_NOT_FOUND)
        return errmsg_set(msg, e, "%s: no server runs on this store", settings->store_dir);
    if (e != ERR_OK)
        return e;
    json_set_str(request, "op", "reload");
    return client_call(fd, request, ANSWER_MS, &answer, msg);
}

enum cli_exit cmd_reload(const struct options *o)
{
    AUTO(settings_done) struct settings settings = {.conf = NULL};
    AUTO(json_free) struct json *request = NULL;
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    struct errmsg msg = {""};
    enum cli_exit code;
    enum err e;

    if (o->server != NULL) {
        request = json_new_map();
        json_set_str(request, "op", "reload");
        code = cli_ask(o, request, &reply);
        return code == CLI_OK && output_write(SPAN_LIT("reloaded\n")) != ERR_OK ? CLI_FAILED : code;
    }
    e = settings_load(o->config, SETTINGS_STORE, &settings, &msg);
    if (e == ERR_OK)
        e = ask(&settings, &msg);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    return output_write(SPAN_LIT("reloaded\n")) == ERR_OK ? CLI_OK : CLI_FAILED;
}
