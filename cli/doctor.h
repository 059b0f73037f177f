/* SPDX-License-Identifier: Apache-2.0 */
/* What `lethe doctor` looks at. Each look adds what it found; none changes anything. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/settings.h"

/* Ordered by gravity. */
enum doctor_level {
    DOCTOR_OK,
    DOCTOR_WARNING, /* should be changed */
    DOCTOR_PROBLEM  /* something does not work, or data is not safe */
};

struct doctor_finding {
    enum doctor_level level;
    const char *check; /* a literal */
    char *text;        /* what was found */
    const char *todo;  /* a literal; NULL: nothing */
    struct doctor_finding *next;
};

struct doctor {
    struct doctor_finding *first;
    struct doctor_finding **last;
    enum doctor_level worst;
};

void doctor_init(struct doctor *d);
void doctor_done(struct doctor *d);
/* check and todo: literals. No secret, and nobody's data, may stand in the text. */
void doctor_say(struct doctor *d, enum doctor_level level, const char *check, const char *todo,
                const char *format, ...) __attribute__((format(printf, 5, 6)));
/* All findings, as lines or as {"findings": [...], "worst"}. TOO_LARGE. */
enum err doctor_write(const struct doctor *d, struct buf *out) MUST_CHECK;
struct json *doctor_json(const struct doctor *d);

/* ---- the host: doctor_host.c ---- */

/* Of the configuration, of the folder of the store and what is in it, of the ledger's mirror. */
void doctor_files(struct doctor *d, const char *config_path, const struct settings *settings);
/* Every certificate that the configuration names beside its key: until when it is good, who can read the key. */
void doctor_certificates(struct doctor *d, struct conf_node root, int64_t now_s);

/* The server, or without one this process. */
struct doctor_process {
    bool is_server;
    uid_t uid;
    struct rlimit core, memlock, files;
    /* Does a filter hold its system calls? A server's only. */
    enum doctor_filter { DOCTOR_FILTER_UNKNOWN, DOCTOR_FILTER_NONE, DOCTOR_FILTER_THERE } filter;
};
/* The server at the other end of this connection; fd -1: this process. IO: it cannot be asked. */
enum err doctor_process_read(int fd, struct doctor_process *ret) MUST_CHECK;
/* files_wanted: as many descriptors as the configuration may need; 0: not known. */
void doctor_process(struct doctor *d, const struct doctor_process *process, uint64_t files_wanted);
/* As /proc/swaps says it: the file to read. */
void doctor_swap(struct doctor *d, const char *path);
/* What adjtimex(2) gives back; negative: it could not be asked. */
void doctor_time_sync(struct doctor *d, int state);
/* Room on the medium of the store, and whether the reserve stands. */
void doctor_room(struct doctor *d, uint64_t free_bytes, bool has_reserve);
void doctor_medium(struct doctor *d, const char *store_dir);

/* ---- the settings: doctor_store.c ---- */

void doctor_settings(struct doctor *d, const struct settings *settings, bool has_all);

/* ---- the store, by what operations give back (admin/ops.h): doctor_store.c ---- */

void doctor_keys(struct doctor *d, const struct json *status);
/* now_s: heads are signed within a minute; what waits for much longer is not. */
void doctor_trail(struct doctor *d, const struct json *status, int64_t now_s);
void doctor_clock(struct doctor *d, const struct json *status);
void doctor_retention(struct doctor *d, const struct json *status);
/* last: when the last backup was done, as the audit trail writes it; NULL: none in DOCTOR_BACKUP_DAYS. */
enum { DOCTOR_BACKUP_DAYS = 30 };
void doctor_backup(struct doctor *d, const char *last, int64_t now_s);
void doctor_tokens(struct doctor *d, const struct json *tokens, int64_t now_s);
void doctor_counts(struct doctor *d, uint64_t requests_past, uint64_t holds_due);
/* Ask the server or the store for all of these. */
struct session;
void doctor_store(struct doctor *d, struct session *session, int64_t now_s);
