/* SPDX-License-Identifier: Apache-2.0 */
/* lethe doctor: files, certificates, and the machine.
 * Runs on: the main thread; blocks shortly. Holds: nothing. Invariant: files are looked at, and none but certificates
 * are read. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/certificates.h"
#include "base/mem.h"
#include "base/period.h"
#include "base/tls.h"
#include "cli/doctor.h"

enum {
    DAY_S = 86400,
    CERTIFICATE_DAYS = 21,       /* what renews by itself does so earlier */
    MEMLOCK_MIN = 8 << 20,       /* of the kernel and of systemd by default */
    OTHERS = S_IRWXG | S_IRWXO,  /* may do anything */
    WRITERS = S_IWGRP | S_IWOTH, /* may write */
    READERS = S_IRGRP | S_IROTH  /* may read */
};

static const uint64_t ROOM_MIN = UINT64_C(64) << 20, ROOM_WANTED = UINT64_C(1) << 30;

/* ---- files ---- */

static bool has_mode(const char *path, mode_t bits)
{
    struct stat st;

    return stat(path, &st) == 0 && (st.st_mode & bits) != 0;
}

/* What stands in a folder of the store is nobody else's business; the folder itself is closed, so that this is a
 * second wall. */
static void look_into(struct doctor *d, const char *dir, bool *good)
{
    const struct dirent *entry;
    DIR *files = opendir(dir);

    if (files == NULL)
        return;
    while ((entry = readdir(files)) != NULL) {
        struct stat st;

        if (entry->d_name[0] == '.' ||
            fstatat(dirfd(files), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            (st.st_mode & OTHERS) == 0)
            continue;
        doctor_say(d, DOCTOR_WARNING, "store files", "chmod go= it", "%s/%s has mode %04o", dir,
                   entry->d_name, (unsigned)st.st_mode & 07777);
        *good = false;
    }
    (void)closedir(files);
}

static void look_at_store(struct doctor *d, const char *dir)
{
    struct stat st;
    bool good = true;

    if (stat(dir, &st) != 0) {
        doctor_say(d, DOCTOR_PROBLEM, "store", "lethe init -c FILE makes one", "%s: %s", dir,
                   strerror(errno));
        return;
    }
    if ((st.st_mode & OTHERS) != 0)
        doctor_say(d, DOCTOR_PROBLEM, "store", "chmod 0700 the folder",
                   "%s has mode %04o: others can reach it", dir, (unsigned)st.st_mode & 07777);
    else
        doctor_say(d, DOCTOR_OK, "store", NULL, "%s, closed to others", dir);
    look_into(d, dir, &good);
    if (good)
        doctor_say(d, DOCTOR_OK, "store files", NULL, "closed to others");
}

static void look_at_mirror(struct doctor *d, const char *path, const char *store_dir)
{
    struct stat mirror, store;

    if (path == NULL)
        doctor_say(d, DOCTOR_WARNING, "ledger mirror",
                   "set ledger_mirror to a path on another medium, and run lethe ledger mirror",
                   "none: with the store's medium the proof of who must stay erased is lost");
    else if (stat(path, &mirror) != 0)
        doctor_say(d, DOCTOR_PROBLEM, "ledger mirror",
                   "put it back, or make it with lethe ledger mirror", "%s: %s", path,
                   strerror(errno));
    else if ((mirror.st_mode & OTHERS) != 0)
        doctor_say(d, DOCTOR_WARNING, "ledger mirror", "chmod go= it", "%s has mode %04o", path,
                   (unsigned)mirror.st_mode & 07777);
    else if (stat(store_dir, &store) == 0 && store.st_dev == mirror.st_dev)
        doctor_say(d, DOCTOR_WARNING, "ledger mirror", "move it to another medium",
                   "%s is on the same file system as the store", path);
    else
        doctor_say(d, DOCTOR_OK, "ledger mirror", NULL, "%s", path);
}

/* What `lethe init` wrote where it had no terminal: beside the token it is no second factor. */
static void look_at_factor(struct doctor *d, const char *config_path)
{
    const char *slash = strrchr(config_path, '/');
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%.*sadmin.otpauth",
                   slash == NULL ? 0 : (int)(slash + 1 - config_path), config_path);
    if (access(path, F_OK) == 0)
        doctor_say(d, DOCTOR_WARNING, "second factor",
                   "let an authenticator take it, and delete it (shred -u)",
                   "%s is still there: whoever reads it makes one-time codes", path);
}

void doctor_files(struct doctor *d, const char *config_path, const struct settings *settings)
{
    if (has_mode(config_path, WRITERS))
        doctor_say(d, DOCTOR_PROBLEM, "configuration", "chmod go-w it",
                   "%s can be written by others than its owner", config_path);
    look_at_factor(d, config_path);
    look_at_store(d, settings->store_dir);
    look_at_mirror(d, settings->ledger_mirror, settings->store_dir);
}

/* ---- certificates ---- */

static void look_at_certificate(struct doctor *d, const char *path, int64_t now_s)
{
    struct errmsg msg;
    int64_t end_s;
    char end[24];

    if (tls_certificate_end(path, &end_s, &msg) != ERR_OK) {
        doctor_say(d, DOCTOR_PROBLEM, "certificate", "lethe check says more", "%s", msg.text);
        return;
    }
    period_format_instant(end_s, end);
    if (end_s <= now_s)
        doctor_say(d, DOCTOR_PROBLEM, "certificate", "renew it, then lethe reload",
                   "%s ended on %.10s", path, end);
    else if (end_s - now_s < (int64_t)CERTIFICATE_DAYS * DAY_S)
        doctor_say(d, DOCTOR_WARNING, "certificate", "renew it, then lethe reload",
                   "%s ends in %" PRId64 " days, on %.10s", path, (end_s - now_s) / DAY_S, end);
    else
        doctor_say(d, DOCTOR_OK, "certificate", NULL, "%s is good until %.10s", path, end);
}

struct certificates {
    struct doctor *d;
    int64_t now_s;
};

static void look_at_pair(struct conf_node certificate, struct conf_node key, void *context)
{
    const struct certificates *c = context;
    AUTO(mem_free) char *certificate_path = conf_path(certificate, json_str_of(certificate.value));
    AUTO(mem_free) char *key_path = conf_path(key, json_str_of(key.value));

    look_at_certificate(c->d, certificate_path, c->now_s);
    if (has_mode(key_path, WRITERS | READERS))
        doctor_say(c->d, DOCTOR_PROBLEM, "certificate", "chmod go= it",
                   "%s, the key of a certificate, is open to others than its owner", key_path);
}

void doctor_certificates(struct doctor *d, struct conf_node root, int64_t now_s)
{
    certificates_each(root, look_at_pair, &(struct certificates){d, now_s});
}

/* ---- the process ---- */

/* "Seccomp:\t2" among the lines of /proc/PID/status. */
static enum doctor_filter read_filter(pid_t pid)
{
    enum doctor_filter filter = DOCTOR_FILTER_UNKNOWN;
    char path[40], line[256];
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return filter;
    while (fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "Seccomp:", 8) == 0)
            filter = strtol(line + 8, NULL, 10) == 2 ? DOCTOR_FILTER_THERE : DOCTOR_FILTER_NONE;
    (void)fclose(file);
    return filter;
}

enum err doctor_process_read(int fd, struct doctor_process *ret)
{
    struct doctor_process p = {.is_server = fd >= 0, .uid = geteuid()};
    struct ucred peer = {.pid = 0};
    socklen_t len = sizeof(peer);

    if (fd >= 0) {
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || len != sizeof(peer) ||
            peer.pid <= 0)
            return ERR_IO;
        p.uid = peer.uid;
        p.filter = read_filter(peer.pid);
    }
    if (prlimit(peer.pid, RLIMIT_CORE, NULL, &p.core) != 0 ||
        prlimit(peer.pid, RLIMIT_MEMLOCK, NULL, &p.memlock) != 0 ||
        prlimit(peer.pid, RLIMIT_NOFILE, NULL, &p.files) != 0)
        return ERR_IO;
    *ret = p;
    return ERR_OK;
}

void doctor_process(struct doctor *d, const struct doctor_process *p, uint64_t files_wanted)
{
    const char *whose = p->is_server ? "the server" : "this process, not a server";

    if (p->uid == 0)
        doctor_say(d, DOCTOR_WARNING, "user", "give it a user of its own that owns the store",
                   "root (%s)", whose);
    else
        doctor_say(d, DOCTOR_OK, "user", NULL, "number %u (%s)", (unsigned)p->uid, whose);
    if (p->core.rlim_max != 0)
        doctor_say(d, DOCTOR_PROBLEM, "core files",
                   "restart it; nothing but Lethe itself changes this",
                   "may be written (%s): what is in memory would be on the disk", whose);
    else
        doctor_say(d, DOCTOR_OK, "core files", NULL, "none are written");
    /* root locks what it likes, but a server gives that up */
    if ((p->uid != 0 || p->is_server) && p->memlock.rlim_cur < MEMLOCK_MIN)
        doctor_say(d, DOCTOR_WARNING, "locked memory", "raise it (systemd: LimitMEMLOCK=)",
                   "at most %" PRIu64 " bytes (%s): keys may be written to swap",
                   (uint64_t)p->memlock.rlim_cur, whose);
    else
        doctor_say(d, DOCTOR_OK, "locked memory", NULL, "enough for the keys");
    if (p->filter == DOCTOR_FILTER_NONE)
        doctor_say(d, DOCTOR_WARNING, "system calls", "say `seccomp: on` and restart",
                   "any may be made (the server)");
    else if (p->filter == DOCTOR_FILTER_THERE)
        doctor_say(d, DOCTOR_OK, "system calls", NULL, "held by a filter (the server)");
    if (files_wanted == 0)
        return;
    if (p->files.rlim_max < files_wanted)
        doctor_say(d, DOCTOR_WARNING, "open files",
                   "raise it (systemd: LimitNOFILE=), or lower the limits of connections",
                   "at most %" PRIu64 " (%s), but connections may need %" PRIu64,
                   (uint64_t)p->files.rlim_max, whose, files_wanted);
    else
        doctor_say(d, DOCTOR_OK, "open files", NULL, "enough for all connections (%" PRIu64 ")",
                   files_wanted);
}

/* ---- the machine ---- */

/* The first line is a heading. */
void doctor_swap(struct doctor *d, const char *path)
{
    char line[512];
    FILE *file = fopen(path, "re");
    int lines = 0;

    if (file == NULL) {
        doctor_say(d, DOCTOR_OK, "swap", NULL, "not known: %s cannot be read", path);
        return;
    }
    while (fgets(line, sizeof(line), file) != NULL)
        lines++;
    (void)fclose(file);
    if (lines > 1)
        doctor_say(d, DOCTOR_WARNING, "swap",
                   "turn it off, or encrypt it under a new key each boot",
                   "is on: values that are being worked on may be written to it");
    else
        doctor_say(d, DOCTOR_OK, "swap", NULL, "is off");
}

void doctor_time_sync(struct doctor *d, int state)
{
    if (state < 0)
        doctor_say(d, DOCTOR_OK, "time", NULL, "not known: the kernel does not say");
    else if (state == TIME_ERROR)
        doctor_say(d, DOCTOR_WARNING, "time", "run chrony or systemd-timesyncd",
                   "the clock is not kept right by a time server: timers go by it");
    else
        doctor_say(d, DOCTOR_OK, "time", NULL, "is kept right by a time server");
}

void doctor_room(struct doctor *d, uint64_t free_bytes, bool has_reserve)
{
    if (!has_reserve)
        doctor_say(d, DOCTOR_PROBLEM, "disk",
                   "make room: no new values are stored until it is back",
                   "the reserve that erasures live on is gone");
    else if (free_bytes < ROOM_MIN)
        doctor_say(d, DOCTOR_PROBLEM, "disk", "make room", "%" PRIu64 " MiB are free",
                   free_bytes >> 20);
    else if (free_bytes < ROOM_WANTED)
        doctor_say(d, DOCTOR_WARNING, "disk", "make room", "%" PRIu64 " MiB are free",
                   free_bytes >> 20);
    else
        doctor_say(d, DOCTOR_OK, "disk", NULL, "%" PRIu64 " MiB are free, the reserve stands",
                   free_bytes >> 20);
}

void doctor_medium(struct doctor *d, const char *store_dir)
{
    char risk[VAULT_RISK_MAX];

    vault_look_at_medium(store_dir, risk);
    if (risk[0] != '\0')
        doctor_say(d, DOCTOR_WARNING, "file system",
                   "move the store to ext4 (data=ordered) or xfs, then rotate the root key",
                   "old copies of erased keys may survive: %s", risk);
    else
        doctor_say(d, DOCTOR_OK, "file system", NULL, "overwrites in place");
}
