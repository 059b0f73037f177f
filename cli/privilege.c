/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming the user that a server runs as.
 * Runs on: the main thread, before all others. Holds: nothing. Invariant: either all of it is done, or the caller ends:
 * no server runs with half of its privileges. Not here: system calls (sandbox.c), what is opened before (cmd_serve.c). */
#include "cli/privilege.h"

#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/secret.h"

enum { OPEN_FOLDERS = 16, PASSWD_BYTES = 16 << 10 };

enum err identity_read(struct conf_node node, struct identity *ret, struct errmsg *msg)
{
    struct passwd entry, *found = NULL;
    AUTO(mem_free) char *bytes = mem_alloc(PASSWD_BYTES);
    const char *name = NULL;
    enum err e = conf_str(node, &name, msg);

    if (e != ERR_OK || name == NULL)
        return e;
    if (strlen(name) >= sizeof(ret->name) ||
        getpwnam_r(name, &entry, bytes, PASSWD_BYTES, &found) != 0 || found == NULL)
        return conf_fail(node, msg, "this host has no user of that name");
    *ret = (struct identity){.given = true, .uid = entry.pw_uid, .gid = entry.pw_gid};
    (void)snprintf(ret->name, sizeof(ret->name), "%s", name);
    owner_expect(ret->uid);
    return ERR_OK;
}

/* ---- the store's owner ---- */

static enum err refuse_owner(const char *path, uid_t owner, const struct identity *who,
                             const char *store_dir, struct errmsg *msg)
{
    if (!who->given)
        return errmsg_set(msg, ERR_DENIED,
                          "%s belongs to user %u: run this as that user, or name the user as "
                          "`user` in the configuration",
                          path, (unsigned)owner);
    return errmsg_set(msg, ERR_DENIED, "%s belongs to user %u, not to %s; run: chown -R %s: %s",
                      path, (unsigned)owner, who->name, who->name, store_dir);
}

/* nftw() has no context. */
static struct {
    uid_t wanted;
    uid_t found;
    gid_t group;
    char path[256];
} walk;

static int compare_owner(const char *path, const struct stat *st, int kind UNUSED,
                         struct FTW *place UNUSED)
{
    if (st->st_uid == walk.wanted)
        return 0;
    walk.found = st->st_uid;
    (void)snprintf(walk.path, sizeof(walk.path), "%s", path);
    return 1;
}

/* A folder that is not there is the vault's to complain of. */
static enum err check_folder(const struct identity *who, uid_t wanted, const char *store_dir,
                             struct errmsg *msg)
{
    struct stat st;

    if (stat(store_dir, &st) != 0 || st.st_uid == wanted)
        return ERR_OK;
    return refuse_owner(store_dir, st.st_uid, who, store_dir, msg);
}

static enum err check_files(const struct identity *who, uid_t wanted, const char *store_dir,
                            struct errmsg *msg)
{
    walk.wanted = wanted;
    if (nftw(store_dir, compare_owner, OPEN_FOLDERS, FTW_PHYS) != 1)
        return ERR_OK;
    return refuse_owner(walk.path, walk.found, who, store_dir, msg);
}

/* A file that has another name is perhaps somebody else's, which whoever owns the folder put there. */
static int give(const char *path, const struct stat *st, int kind UNUSED, struct FTW *place UNUSED)
{
    if (S_ISREG(st->st_mode) && st->st_nlink > 1) {
        errno = EMLINK;
        return -1;
    }
    return lchown(path, walk.wanted, walk.group);
}

enum err privilege_give(const struct identity *who, const char *dir, struct errmsg *msg)
{
    if (!who->given || geteuid() != 0)
        return ERR_OK;
    walk.wanted = who->uid;
    walk.group = who->gid;
    return nftw(dir, give, OPEN_FOLDERS, FTW_PHYS) == 0
               ? ERR_OK
               : errmsg_set(msg, ERR_IO, "%s cannot be given to %s: %s", dir, who->name,
                            strerror(errno));
}

/* ---- becoming ---- */

static uid_t user_of(const struct identity *who)
{
    return who->given ? who->uid : geteuid();
}

static enum err change_user(const struct identity *who, struct errmsg *msg)
{
    uid_t uid = 0, effective = 0, saved = 0;

    if (geteuid() != 0 && geteuid() != who->uid)
        return errmsg_set(msg, ERR_CONFIG,
                          "started as user %u, but `user` is %s: start it as that user or as root",
                          (unsigned)geteuid(), who->name);
    if (geteuid() != 0 || who->uid == 0)
        return ERR_OK;
    if (initgroups(who->name, who->gid) != 0 || setresgid(who->gid, who->gid, who->gid) != 0 ||
        setresuid(who->uid, who->uid, who->uid) != 0)
        return errmsg_set(msg, ERR_IO, "cannot become %s: %s", who->name, strerror(errno));
    REQUIRE(getresuid(&uid, &effective, &saved) == 0 && uid == who->uid && effective == uid &&
            saved == uid);
    REQUIRE(setuid(0) != 0);
    /* Another user makes the kernel forget it. */
    return secret_harden_process() == ERR_OK
               ? ERR_OK
               : errmsg_set(msg, ERR_IO, "the process cannot be protected");
}

bool privilege_has_any(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3] = {{.effective = 0}};

    return syscall(SYS_capget, &header, has) == 0 && (has[0].permitted | has[1].permitted) != 0;
}

/* Service managers may forbid capset to who has nothing to give up. */
static enum err give_up_capabilities(struct errmsg *msg)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{.effective = 0}};

#ifdef LETHE_SANITIZED
    if (geteuid() == 0) /* LeakSanitizer is a debugger at the end */
        none[0].effective = none[0].permitted = 1U << CAP_SYS_PTRACE;
#endif
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
        (privilege_has_any() && syscall(SYS_capset, &header, none) != 0) ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return errmsg_set(msg, ERR_IO, "privileges cannot be given up: %s", strerror(errno));
    return ERR_OK;
}

/* While the process is root. What fails, as in containers that keep CAP_SETPCAP to themselves, is no loss: keys that are
 * not locked are doctor's to tell of, and without new privileges the bounding set has nothing to bound. */
static void use_root_last(void)
{
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};

    (void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
    for (unsigned long c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
        (void)prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
}

enum err privilege_become(const struct identity *who, const char *store_dir, struct errmsg *msg)
{
    enum err e = geteuid() == 0 ? check_folder(who, user_of(who), store_dir, msg) : ERR_OK;

    return e == ERR_OK && who->given ? change_user(who, msg) : e;
}

enum err privilege_drop(const struct identity *who, const char *store_dir, struct errmsg *msg)
{
    enum err e = geteuid() == 0 ? check_files(who, user_of(who), store_dir, msg) : ERR_OK;

    if (e != ERR_OK)
        return e;
    if (geteuid() == 0)
        use_root_last();
    e = privilege_become(who, store_dir, msg);
    return e == ERR_OK ? give_up_capabilities(msg) : e;
}
