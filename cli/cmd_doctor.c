/* SPDX-License-Identifier: Apache-2.0 */
/* lethe doctor: is this installation well?
 * Runs on: the main thread; blocks. Holds: nothing. Invariant: nothing is changed, and no secret is printed. Not here:
 * the looks (doctor_host.c, doctor_store.c). */
#include <sys/timex.h>
#include <unistd.h>

#include "admin/socket.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/doctor.h"
#include "cli/output.h"
#include "cli/session.h"

enum { TEXT_MAX = 4 << 20 };

/* All of it, or what commands on the store need. */
static bool load(struct doctor *d, const char *path, struct settings *settings, bool *ret_all)
{
    struct errmsg msg;

    *ret_all = settings_load(path, SETTINGS_ALL, settings, &msg) == ERR_OK;
    if (*ret_all) {
        doctor_say(d, DOCTOR_OK, "configuration", NULL, "%s", path);
        return true;
    }
    doctor_say(d, DOCTOR_PROBLEM, "configuration", "a server would not start with it", "%s",
               msg.text);
    return settings_load(path, SETTINGS_STORE, settings, &msg) == ERR_OK;
}

static void look_at_process(struct doctor *d, const struct settings *settings, bool has_all)
{
    struct doctor_process process;
    struct errmsg msg;
    int fd = -1;
    enum err e = socket_connect(settings->store_dir, &fd, &msg);

    if (e == ERR_OK)
        doctor_say(d, DOCTOR_OK, "server", NULL, "is running");
    else if (e == ERR_NOT_FOUND)
        doctor_say(d, DOCTOR_OK, "server", NULL, "is not running");
    else
        doctor_say(d, DOCTOR_PROBLEM, "server", "run this as the server's user, or as root", "%s",
                   msg.text);
    if (doctor_process_read(fd, &process) == ERR_OK)
        doctor_process(d, &process, has_all ? proxy_settings_descriptors(settings->proxy) : 0);
    if (fd >= 0)
        (void)close(fd);
}

static void look_at_room(struct doctor *d, const char *store_dir)
{
    uint64_t free_bytes;
    bool has_reserve;

    if (vault_look_at_room(store_dir, &free_bytes, &has_reserve) == ERR_OK)
        doctor_room(d, free_bytes, has_reserve);
}

static void look_at_host(struct doctor *d, const char *path, const struct settings *settings,
                         bool has_all)
{
    struct timex clock = {.modes = 0};

    doctor_files(d, path, settings);
    doctor_certificates(d, conf_root(settings->conf), clock_now_s());
    look_at_process(d, settings, has_all);
    doctor_swap(d, "/proc/swaps");
    doctor_time_sync(d, adjtimex(&clock));
    look_at_room(d, settings->store_dir);
    doctor_medium(d, settings->store_dir);
    doctor_settings(d, settings, has_all);
}

static void ask_store(struct doctor *d, const struct options *o)
{
    AUTO(session_close) struct session *session = NULL;
    struct errmsg msg;

    if (session_open(o, &session, &msg) == ERR_OK)
        doctor_store(d, session, clock_now_s());
    else
        doctor_say(d, DOCTOR_PROBLEM, "store", "nothing can be read or written until then", "%s",
                   msg.text);
}

static enum cli_exit print(const struct doctor *d, bool as_json)
{
    AUTO(json_free) struct json *tree = NULL;
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e;

    if (as_json) {
        tree = doctor_json(d);
        e = output_json(tree);
    } else {
        buf_init(&text, TEXT_MAX);
        e = doctor_write(d, &text);
        if (e == ERR_OK)
            e = output_write(buf_span(&text));
    }
    if (e != ERR_OK || d->worst == DOCTOR_PROBLEM)
        return CLI_FAILED;
    return d->worst == DOCTOR_WARNING ? CLI_ATTENTION : CLI_OK;
}

enum cli_exit cmd_doctor(const struct options *o)
{
    AUTO(settings_done) struct settings settings = {.conf = NULL};
    AUTO(doctor_done) struct doctor d = {.first = NULL};
    bool has_all = false;

    doctor_init(&d);
    if (load(&d, o->config, &settings, &has_all)) {
        look_at_host(&d, o->config, &settings, has_all);
        ask_store(&d, o);
    }
    return print(&d, o->json);
}
