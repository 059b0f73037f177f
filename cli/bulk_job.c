/* SPDX-License-Identifier: Apache-2.0 */
/* A bulk job from its files to its end.
 * Runs on: the main thread; blocks. Holds: the files, and one group in wiped memory. Invariant: what the mark speaks of is on
 * the medium before it; OUT is never longer than the mark says but for the group that is being written, which is cut
 * off and done again, with the same tokens, when the job goes on. Not here: what happens to a group (bulk_ask.c). */
#include "cli/bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/secret.h"
#include "cli/progress.h"

enum { KEY_HEX_BYTES = 65, REPORTED_ROWS = 20, DIGEST_CHUNK = 64 << 10 };

struct run {
    struct bulk_job *job;
    struct reply start;   /* what the store said when the job began */
    const char *key;      /* of digests, borrowed from it */
    struct span *domains; /* the same: what e-mail tokens end with */
    int in, out, rejects;
    char *mark_path, *rejects_path;
    bool marked; /* both are files: the job can go on, and be looked at again */
    struct bulk_mark mark;
    struct bulk_source source;
    struct bulk_group group;
    struct digest in_digest, out_digest;
    struct buf rendered; /* secret */
    struct buf rejected;
    struct progress progress;
    int64_t began_ms;
    uint64_t rows_before; /* this run */
    struct errmsg *msg;
};

static void close_fd(const int *fd)
{
    if (*fd > STDERR_FILENO)
        (void)close(*fd);
}

static void run_done(struct run *r)
{
    progress_end(&r->progress);
    bulk_source_close(&r->source);
    bulk_group_done(&r->group);
    buf_done(&r->rendered);
    buf_done(&r->rejected);
    mem_free(&r->domains);
    reply_done(&r->start);
    close_fd(&r->in);
    close_fd(&r->out);
    close_fd(&r->rejects);
    mem_free(&r->mark_path);
    mem_free(&r->rejects_path);
    secret_wipe(&r->in_digest, sizeof(r->in_digest));
    secret_wipe(&r->out_digest, sizeof(r->out_digest));
}

/* ---- files ---- */

static char *beside(const char *path, const char *ending)
{
    const size_t size = strlen(path) + strlen(ending) + 1;
    char *name = mem_alloc(size);

    (void)snprintf(name, size, "%s%s", path, ending);
    return name;
}

static enum err open_in(struct run *r, struct stat *ret)
{
    const char *path = r->job->in_path;

    r->in = path == NULL ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (r->in < 0 || fstat(r->in, ret) != 0)
        return errmsg_set(r->msg, ERR_IO, "%s cannot be opened: %s", path, strerror(errno));
    return ERR_OK;
}

/* A file that is written: nobody else's, no link to somewhere else, and not there yet unless the job goes on. */
static enum err open_new(struct run *r, const char *path, int *ret)
{
    const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (r->job->resume ? 0 : O_EXCL);

    *ret = open(path, flags, 0600);
    if (*ret < 0 && errno == EEXIST)
        return errmsg_set(r->msg, ERR_CONFLICT,
                          "%s is there already; go on with --resume, or remove it first", path);
    if (*ret < 0)
        return errmsg_set(r->msg, ERR_IO, "%s cannot be made: %s", path, strerror(errno));
    if (flock(*ret, LOCK_EX | LOCK_NB) != 0)
        return errmsg_set(r->msg, ERR_BUSY, "%s: another run of this job is at work", path);
    return ERR_OK;
}

static bool writes_rejects(const struct run *r)
{
    return r->marked && r->job->ask.policy != BULK_STOP;
}

static enum err open_files(struct run *r)
{
    enum err e = ERR_OK;

    if (!r->marked) {
        r->out = STDOUT_FILENO;
        return r->job->out_path == NULL ? ERR_OK : open_new(r, r->job->out_path, &r->out);
    }
    if (!r->job->resume && access(r->mark_path, F_OK) == 0)
        return errmsg_set(r->msg, ERR_CONFLICT,
                          "%s is there already; go on with --resume, or remove it first",
                          r->mark_path);
    e = open_new(r, r->job->out_path, &r->out);
    if (e == ERR_OK && writes_rejects(r))
        e = open_new(r, r->rejects_path, &r->rejects);
    return e;
}

static enum err write_all(const struct run *r, int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.at, bytes.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return errmsg_set(r->msg, ERR_IO, "%s cannot be written: %s",
                              r->job->out_path == NULL ? "standard output" : r->job->out_path,
                              strerror(errno));
        bytes = span_of(bytes.at + n, bytes.len - (size_t)n);
    }
    return ERR_OK;
}

/* ---- the mark ---- */

static int64_t mtime_ns(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static enum err write_mark(struct run *r)
{
    if (!r->marked)
        return ERR_OK;
    bulk_digest_now(&r->in_digest, r->mark.in_digest);
    bulk_digest_now(&r->out_digest, r->mark.out_digest);
    return bulk_mark_write(r->mark_path, &r->mark) == ERR_OK
               ? ERR_OK
               : errmsg_set(r->msg, ERR_IO, "%s cannot be written", r->mark_path);
}

/* Digest the first `len` bytes of a file; its offset is behind them then. */
static enum err digest_file(struct run *r, int fd, const char *path, uint64_t len, struct digest *d)
{
    AUTO(buf_done) struct buf bytes = {.max = 0};

    buf_init_secret(&bytes, DIGEST_CHUNK);
    if (buf_reserve(&bytes, DIGEST_CHUNK) != ERR_OK)
        return errmsg_set(r->msg, ERR_NO_SPACE, "no memory");
    while (len > 0) {
        const ssize_t n = read(fd, bytes.bytes, len < DIGEST_CHUNK ? (size_t)len : DIGEST_CHUNK);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return errmsg_set(r->msg, ERR_CONFLICT, "%s is shorter than when the job stopped",
                              path);
        digest_add(d, bytes.bytes, (size_t)n);
        bytes.len = (size_t)n; /* what is to be wiped */
        len -= (uint64_t)n;
    }
    return ERR_OK;
}

static enum err same_prefix(struct run *r, int fd, const char *path, uint64_t len,
                            const char *expected, struct digest *d)
{
    char now[DIGEST_HEX_BYTES];
    enum err e = digest_file(r, fd, path, len, d);

    if (e != ERR_OK)
        return e;
    bulk_digest_now(d, now);
    return secret_equal(now, expected, sizeof(now))
               ? ERR_OK
               : errmsg_set(r->msg, ERR_CONFLICT, "%s is not what it was when the job stopped",
                            path);
}

/* Is the mark one of this job, told to do the same with the same file? */
static enum err check_mark(struct run *r, const struct bulk_mark *now, const struct stat *in)
{
    const struct bulk_mark *m = &r->mark;

    if (strcmp(m->settings, now->settings) != 0)
        return errmsg_set(r->msg, ERR_CONFLICT,
                          "%s is of a job with other fields, format, subject or domain",
                          r->mark_path);
    if (m->policy != r->job->ask.policy && m->policy != BULK_STOP)
        return errmsg_set(r->msg, ERR_CONFLICT,
                          "the job began with another --on-error; only from stop it may change");
    if (m->in_size != (uint64_t)in->st_size || m->in_mtime_ns != mtime_ns(in))
        return errmsg_set(r->msg, ERR_CONFLICT, "%s was changed since the job stopped",
                          r->job->in_path);
    return ERR_OK;
}

static enum err read_mark(struct run *r, const struct bulk_mark *now, const struct stat *in)
{
    enum err e = bulk_mark_read(r->mark_path, &r->mark);

    if (e == ERR_NOT_FOUND)
        return errmsg_set(r->msg, e,
                          "%s is not there: no job was interrupted (or it is done); leave --resume "
                          "away",
                          r->mark_path);
    if (e != ERR_OK)
        return errmsg_set(r->msg, e, "%s cannot be read, or is not of a bulk job", r->mark_path);
    e = check_mark(r, now, in);
    r->mark.policy = r->job->ask.policy;
    return e;
}

/* ---- begin ---- */

static struct json *start_request(const struct run *r)
{
    struct json *request = json_new_map(), *classes = json_new_list();

    json_set_str(request, "op", "bulk.start");
    for (size_t i = 0; i < r->job->spec.field_count; i++)
        json_add(classes, json_new_text(span_str(r->job->spec.fields[i].class_name)));
    json_set(request, "classes", classes);
    if (r->job->ask.purpose != NULL)
        json_set_str(request, "purpose", r->job->ask.purpose);
    if (r->job->ask.domain != NULL)
        json_set_str(request, "domain", r->job->ask.domain);
    if (r->mark.job[0] != '\0')
        json_set_str(request, "job", r->mark.job);
    return request;
}

/* What e-mail tokens end with. */
static void find_domains(struct run *r)
{
    const struct json *list = json_get(r->start.result, "email_domains");

    r->domains = mem_alloc((json_count(list) + 1) * sizeof(r->domains[0]));
    for (size_t i = 0; i < json_count(list); i++)
        r->domains[i] = json_text_of(json_at(list, i));
    r->source.tokens = (struct token_scan){r->domains, json_count(list)};
}

/* Tell the store that a job begins, or goes on: it gives the key of digests, and looks at classes and purpose. */
static enum err start_job(struct run *r)
{
    AUTO(json_free) struct json *request = start_request(r);
    enum err e = session_call(r->job->ask.session, request, &r->start, r->msg);
    const char *id;

    if (e != ERR_OK)
        return e;
    id = json_str_of(json_get(r->start.result, "job"));
    r->key = json_str_of(json_get(r->start.result, "key"));
    if (id == NULL || strlen(id) + 1 != sizeof(r->mark.job) || r->key == NULL)
        return errmsg_set(r->msg, ERR_INTERNAL, "the answer does not fit the question");
    memcpy(r->mark.job, id, sizeof(r->mark.job));
    r->job->ask.job = r->mark.job;
    bulk_digest_begin(&r->in_digest, r->key);
    bulk_digest_begin(&r->out_digest, r->key);
    find_domains(r);
    return ERR_OK;
}

/* Stand where the mark says: files looked at up to there, and cut off behind it. */
static enum err go_back(struct run *r)
{
    enum err e =
        same_prefix(r, r->in, r->job->in_path, r->mark.in_offset, r->mark.in_digest, &r->in_digest);

    if (e == ERR_OK)
        e = same_prefix(r, r->out, r->job->out_path, r->mark.out_offset, r->mark.out_digest,
                        &r->out_digest);
    if (e != ERR_OK)
        return e;
    if (ftruncate(r->out, (off_t)r->mark.out_offset) != 0 ||
        (r->rejects >= 0 && (ftruncate(r->rejects, (off_t)r->mark.rejects_offset) != 0 ||
                             lseek(r->rejects, 0, SEEK_END) < 0)))
        return errmsg_set(r->msg, ERR_IO, "%s cannot be cut off where the job stopped",
                          r->job->out_path);
    if (lseek(r->in, 0, SEEK_SET) < 0)
        return errmsg_set(r->msg, ERR_IO, "%s cannot be read", r->job->in_path);
    return bulk_source_seek(&r->source, r->mark.in_offset, r->mark.in_line, r->mark.counts.rows,
                            r->msg);
}

static enum err begin(struct run *r)
{
    struct bulk_job *job = r->job;
    struct bulk_mark now = {.policy = job->ask.policy, .in_line = 1};
    struct stat in;
    enum err e = open_in(r, &in);

    if (e != ERR_OK)
        return e;
    bulk_spec_digest(&job->spec, job->reveal ? "reveal" : "tokenize", job->ask.domain,
                     now.settings);
    now.in_size = (uint64_t)in.st_size;
    now.in_mtime_ns = mtime_ns(&in);
    r->marked = job->in_path != NULL && job->out_path != NULL && S_ISREG(in.st_mode);
    if (job->resume && !r->marked)
        return errmsg_set(r->msg, ERR_INVALID, "--resume needs files: --in and --out");
    r->mark = now;
    if (job->resume)
        e = read_mark(r, &now, &in);
    if (e == ERR_OK)
        e = bulk_source_open(&r->source, &job->spec, r->in,
                             job->in_path == NULL ? "standard input" : job->in_path, r->msg);
    if (e == ERR_OK)
        e = start_job(r);
    if (e == ERR_OK)
        e = open_files(r);
    if (e == ERR_OK && job->resume)
        e = go_back(r);
    return e;
}

/* ---- the first pass ---- */

static enum err add_reject(struct run *r, const struct bulk_row *row)
{
    const char *field =
        row->wrong_field == BULK_ANY ? "-" : r->job->spec.fields[row->wrong_field].name;
    char number[32];
    enum err e;

    (void)snprintf(number, sizeof(number), "%llu\t", (unsigned long long)row->line);
    e = buf_append_str(&r->rejected, number);
    if (e == ERR_OK)
        e = buf_append_str(&r->rejected, field);
    if (e == ERR_OK)
        e = buf_append_byte(&r->rejected, '\t');
    if (e == ERR_OK)
        e = buf_append_str(&r->rejected, row->wrong);
    return e == ERR_OK ? buf_append_byte(&r->rejected, '\n') : e;
}

/* The group as it is written, and the list of what was wrong in it. */
static enum err render_group(struct run *r)
{
    enum err e = ERR_OK;

    buf_reset(&r->rendered);
    buf_reset(&r->rejected);
    for (size_t i = 0; e == ERR_OK && i < r->group.count; i++) {
        const struct bulk_row *row = &r->group.rows[i];

        if (row->wrong != NULL)
            e = add_reject(r, row);
        if (e == ERR_OK && bulk_is_written(row, r->job->ask.policy))
            e = bulk_render(&r->source, &r->group, row, &r->rendered);
    }
    return e == ERR_OK ? e : errmsg_set(r->msg, e, "a group of rows grows too large");
}

/* Say what is wrong, by line and field and never by value. */
static enum err stop_at_rows(struct run *r)
{
    size_t told = 0, count = 0;

    progress_end(&r->progress);
    for (size_t i = 0; i < r->group.count; i++) {
        const struct bulk_row *row = &r->group.rows[i];

        if (row->wrong == NULL)
            continue;
        if (told++ < REPORTED_ROWS)
            (void)fprintf(stderr, "lethe: %s, line %llu%s%s: %s\n", r->source.name,
                          (unsigned long long)row->line, row->wrong_field == BULK_ANY ? "" : ", ",
                          row->wrong_field == BULK_ANY ? ""
                                                       : r->job->spec.fields[row->wrong_field].name,
                          row->wrong);
        count++;
    }
    return errmsg_set(r->msg, ERR_UNPROCESSABLE,
                      "%zu rows cannot be worked on; nothing of their group was stored%s", count,
                      r->marked ? "; --resume --on-error skip or keep goes on" : "");
}

/* On the medium: rows, the list of those that were wrong, and then the mark. */
static enum err write_group(struct run *r)
{
    enum err e = render_group(r);

    if (e == ERR_OK)
        e = write_all(r, r->out, buf_span(&r->rendered));
    if (e == ERR_OK)
        e = write_all(r, r->rejects >= 0 ? r->rejects : STDERR_FILENO, buf_span(&r->rejected));
    if (e != ERR_OK || !r->marked)
        return e;
    FAULT_POINT("bulk.written");
    if (fdatasync(r->out) != 0 || (r->rejected.len > 0 && fdatasync(r->rejects) != 0))
        return errmsg_set(r->msg, ERR_IO, "%s cannot be written: %s", r->job->out_path,
                          strerror(errno));
    digest_add(&r->in_digest, r->source.window.bytes, r->source.used);
    digest_add(&r->out_digest, r->rendered.bytes, r->rendered.len);
    r->mark.in_offset = bulk_source_position(&r->source);
    r->mark.in_line = r->source.line;
    r->mark.out_offset += r->rendered.len;
    r->mark.rejects_offset += r->rejected.len;
    e = write_mark(r);
    FAULT_POINT("bulk.marked");
    return e;
}

/* Wait until so many rows may have been done. */
static void keep_rate(const struct run *r)
{
    const uint64_t rows = r->mark.counts.rows - r->rows_before;
    int64_t left_ms;

    if (r->job->rate == 0)
        return;
    left_ms = r->began_ms + (int64_t)(rows * 1000 / r->job->rate) - clock_mono_ms();
    if (left_ms > 0)
        (void)nanosleep(&(struct timespec){left_ms / 1000, left_ms % 1000 * 1000000}, NULL);
}

static void show(struct run *r)
{
    if (r->marked)
        progress_show(&r->progress, bulk_source_position(&r->source), r->mark.in_size);
    else
        progress_show(&r->progress, r->mark.counts.rows, 0);
}

static enum err run_group(struct run *r)
{
    bool stored = true;
    enum err e;

    if (r->job->reveal) {
        for (size_t i = 0; r->job->ask.policy == BULK_STOP && i < r->group.count; i++)
            stored = stored && r->group.rows[i].wrong == NULL;
        e = stored ? bulk_reveal_group(&r->job->ask, &r->group, &r->mark.counts, r->msg) : ERR_OK;
    } else {
        r->job->ask.group = r->mark.group + 1;
        e = bulk_tokenize_group(&r->job->ask, &r->group, &r->mark.counts, &stored, r->msg);
    }
    if (e == ERR_OK && !stored)
        e = stop_at_rows(r);
    if (e != ERR_OK)
        return e;
    FAULT_POINT("bulk.stored");
    r->mark.group++;
    return write_group(r);
}

static enum err first_pass(struct run *r)
{
    bool more = true;
    enum err e = write_mark(r);

    progress_start(&r->progress, r->marked ? "bytes" : "rows", r->job->report_progress);
    r->began_ms = clock_mono_ms();
    r->rows_before = r->mark.counts.rows;
    while (e == ERR_OK && more) {
        e = bulk_source_next(&r->source, 0, &r->group, r->msg);
        more = r->group.count > 0;
        if (e == ERR_OK && more)
            e = run_group(r);
        if (e == ERR_OK && more) {
            show(r);
            keep_rate(r);
        }
    }
    progress_end(&r->progress);
    if (e == ERR_OK && !r->source.begun && !r->job->spec.ndjson)
        e = errmsg_set(r->msg, ERR_INVALID, "%s has no header", r->source.name);
    r->mark.written = e == ERR_OK;
    return e == ERR_OK ? write_mark(r) : e;
}

/* ---- the second pass, and the end ---- */

static enum err second_pass(struct run *r, struct bulk_verified *ret)
{
    struct bulk_source in = {.fd = -1}, out = {.fd = -1};
    struct bulk_job *job = r->job;
    const bool left_out = job->ask.policy == BULK_SKIP;
    enum err e;

    if (lseek(r->in, 0, SEEK_SET) < 0 || lseek(r->out, 0, SEEK_SET) < 0 ||
        (left_out && lseek(r->rejects, 0, SEEK_SET) < 0))
        return errmsg_set(r->msg, ERR_IO, "%s cannot be read again", job->out_path);
    e = bulk_source_open(&in, &job->spec, r->in, job->in_path, r->msg);
    if (e == ERR_OK)
        e = bulk_source_open(&out, &job->spec, r->out, job->out_path, r->msg);
    in.tokens = r->source.tokens;
    if (e == ERR_OK)
        e = bulk_verify(&job->ask, &in, &out, left_out ? r->rejects : -1, ret, r->msg);
    bulk_source_close(&in);
    bulk_source_close(&out);
    return e;
}

static enum err finish(struct run *r)
{
    AUTO(json_free) struct json *request = json_new_map();
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    enum err e;

    json_set_str(request, "op", "bulk.finish");
    json_set_str(request, "job", r->mark.job);
    e = session_call(r->job->ask.session, request, &reply, r->msg);
    if (e == ERR_OK && r->marked && unlink(r->mark_path) != 0)
        e = errmsg_set(r->msg, ERR_IO, "%s cannot be removed", r->mark_path);
    return e;
}

static enum err run_job(struct run *r, struct bulk_verified *ret_verified)
{
    enum err e = begin(r);

    if (e == ERR_OK && r->marked)
        e = bulk_sync_folder(r->job->out_path) == ERR_OK
                ? ERR_OK
                : errmsg_set(r->msg, ERR_IO, "the folder of %s cannot be written",
                             r->job->out_path);
    if (e == ERR_OK && !r->mark.written)
        e = first_pass(r);
    if (e == ERR_OK && r->marked && !r->job->no_verify)
        e = second_pass(r, ret_verified);
    if (e == ERR_OK && ret_verified->unequal == 0)
        e = finish(r);
    return e;
}

/* Only look: nothing is written, and no job is known. */
static enum err verify_job(struct run *r, struct bulk_verified *ret)
{
    struct stat in;
    enum err e = open_in(r, &in);

    if (e != ERR_OK)
        return e;
    r->out = open(r->job->out_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (r->job->ask.policy == BULK_SKIP)
        r->rejects = open(r->rejects_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (r->out < 0 || (r->rejects < 0 && r->job->ask.policy == BULK_SKIP))
        return errmsg_set(r->msg, ERR_IO, "%s cannot be opened: %s",
                          r->out < 0 ? r->job->out_path : r->rejects_path, strerror(errno));
    e = start_job(r);
    return e == ERR_OK ? second_pass(r, ret) : e;
}

enum err bulk_job_run(struct bulk_job *job, struct bulk_counts *ret,
                      struct bulk_verified *ret_verified, struct errmsg *msg)
{
    AUTO(run_done) struct run r = {.job = job, .in = -1, .out = -1, .rejects = -1, .msg = msg};
    enum err e;

    *ret_verified = (struct bulk_verified){.rows = 0};
    bulk_group_init(&r.group);
    buf_init_secret(&r.rendered, BULK_OUTPUT_MAX);
    buf_init(&r.rejected, BULK_OUTPUT_MAX);
    if (job->out_path != NULL) {
        r.rejects_path = beside(job->out_path, ".rejects");
        r.mark_path = job->mark_path != NULL ? mem_strdup(job->mark_path)
                                             : beside(job->out_path, ".progress");
    }
    job->ask.spec = &job->spec;
    e = job->verify_only ? verify_job(&r, ret_verified) : run_job(&r, ret_verified);
    *ret = r.mark.counts;
    return e;
}
