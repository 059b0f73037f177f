/* SPDX-License-Identifier: Apache-2.0 */
/* The vault's own objects, shared by its files: the store that is open, its readers, its writer.
 *
 * Who touches what: `slab` reads from any thread, writes from the writer thread; `ledger` and the
 * writer's store belong to the writer thread; a reader belongs to its thread, and the writer enters
 * it under its lock to drop an erased subject's key. Lock order: readers_lock, a reader's lock,
 * keys_lock, the slab's own. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/metrics.h"
#include "vault/keycache_priv.h"
#include "vault/ledger_priv.h"
#include "vault/reserve_priv.h"
#include "vault/rowcache_priv.h"
#include "vault/tagcache_priv.h"
#include "vault/sequence_priv.h"
#include "vault/slab_priv.h"
#include "vault/store_priv.h"
#include "vault/subjects_priv.h"
#include "vault/time_priv.h"
#include "vault/vault.h"

#define VAULT_DB        "vault.db"
#define VAULT_SLAB      "keys.slab"
#define VAULT_LEDGER    "ledger.log"
#define VAULT_LOCK      "lock"
#define VAULT_RESERVE   "reserve"
/* There from the first change of a restore to its end: nothing else opens the store meanwhile. */
#define VAULT_RESTORING "restore.unfinished"

enum { VAULT_DB_FILES = 3 };

/* The keys that a domain's blind indexes are made with; a list that only grows. */
struct domain_key {
    uint16_t domain;
    bool closed;  /* writer thread: it left the configuration; nothing is stored in it */
    uint8_t *key; /* CRYPTO_KEY_BYTES in guarded memory; wiped while sealed */
    struct domain_key *next;
};

/* A domain that this store has given a number to. */
struct domain {
    struct store_domain stored;
    bool configured; /* no: nothing is stored in it, nor will be */
};

/* All of them, by id. Never changed once it is published: a new one takes its place, and the old one
 * stays until the vault closes, since any thread may be reading it. */
struct domain_table {
    struct domain_table *older;
    size_t count;
    struct domain at[];
};

struct writer;
struct checkpointer;
struct watch;
struct audit;
struct mark_table;
struct purposes;
struct purges;

/* What the writer has done since the start; each counter has one thread that adds to it. */
struct vault_meters {
    struct histogram commits;   /* microseconds that a group's commit took; writer */
    struct histogram groups;    /* operations in a group; writer */
    struct counter failures;    /* operations of groups that failed; writer */
    struct counter erasures;    /* acknowledged; writer */
    struct histogram delays;    /* seconds from due to destroyed, a row each; writer */
    struct counter log_pages;   /* of the write-ahead log, after the last group; writer */
    struct counter checkpoints; /* of the background; checkpointer */
};

/* sweep.c: of the delays. */
extern const struct histogram_scale vault__delay_scale;

struct vault {
    char *dir;
    int lock_fd;
    /* vault.db, its log and its index, open for life: SQLite's locks belong to the process, and
     * closing any descriptor of these files would drop them. Verification reads through these. */
    int db_fds[VAULT_DB_FILES];
    struct slab *slab;
    struct ledger *ledger;
    struct reserve *reserve; /* writer thread */
    struct vault_time time;
    struct sequences *sequences;
    /* Over every key below and the domains'. The writer and readers inside a read transaction need not
     * take it: the writer is who wipes, and waits for the others first. */
    pthread_rwlock_t keys_lock;
    atomic_bool sealed;
    uint8_t *locator_key; /* TOKEN_LOCATOR_KEY_BYTES, guarded */
    uint8_t *signing_key; /* CRYPTO_SECRET_KEY_BYTES, guarded */
    uint8_t public_key[VAULT_PUBLIC_BYTES];
    uint32_t ledger_epoch;           /* the last that the ledger says has begun; 0: none */
    _Atomic(int64_t) epoch_began_ms; /* by the ledger */
    _Atomic(int64_t) restored_ms;    /* by the ledger, the last time; 0: never */
    char risk[VAULT_RISK_MAX];
    /* The store's classes at their ids. Entries are added by the writer, their id last; read the id
     * through vault__class() on other threads. */
    struct store_class table[CLASSES_MAX + 1];
    _Atomic(const struct class_def *) defs[CLASSES_MAX + 1];
    bool closed[CLASSES_MAX + 1]; /* writer thread: left the configuration; no new values */
    _Atomic(const struct classes *) classes; /* as configured last */
    _Atomic(struct domain_table *) domain_table;
    _Atomic(struct domain_key *) domains;
    /* Keys may be in an unknown state (a sync of the slab failed): nothing is served any more. */
    atomic_bool failed;
    /* Moves when names were deleted: what readers remember of them is not to be relied on. */
    atomic_uint names_generation;
    pthread_mutex_t readers_lock;
    struct vault_reader *readers;
    size_t readers_idle;                /* of them */
    struct vault_records *records_idle; /* closed, and kept for the next; under readers_lock */
    size_t records_idle_count;
    /* The writer's commits: what a reader has seen of the database is the latest until the next one. */
    atomic_uint commits;
    /* The log is to be emptied: readers keep no state of it from one transaction to the next. */
    atomic_bool keeps_nothing;
    atomic_bool cut_wanted; /* the log could not be cut, since somebody keeps an old state */
    struct writer *writer;
    struct checkpointer *checkpointer;
    struct watch *watch; /* watch.c */
    struct audit *audit;
    /* Who may not be shown or destroyed; NULL: nobody (holds_priv.h). */
    _Atomic(struct mark_table *) marks;
    struct purposes *purposes; /* holds.c */
    struct purges *purges;
    struct vault_meters meters;
    atomic_bool renewed;      /* there may be tokens that others took the place of (renew.c) */
    atomic_uint uses_waiting; /* batches of uses in the writer's queue */
    atomic_bool backing_up;   /* one backup at a time */
    atomic_bool backup_stop;
};

enum { VAULT_READER_SEEN = 16384 }; /* tokens that came once */

/* A lock on the log costs as much as a look-up. So a reader keeps its state of the database from one
 * transaction to the next, as long as nothing was committed and the log may stay as it is. */
struct vault_reader {
    struct vault *v;
    struct store *store;
    pthread_mutex_t lock; /* held between begin and end, and by the writer while it drops a key */
    bool reading;
    bool idle;        /* closed, and kept for the next; under readers_lock */
    bool keeps;       /* the state that it saw last, between transactions, for the next */
    unsigned commits; /* ... and of which commit that is */
    int64_t now_s;    /* when the transaction began: what is due then is not read in it */
    struct keycache *keys;
    struct names *names;
    struct rowcache *rows;
    struct tagcache *tags;
    uint8_t tag_key[SECRET_TAG_KEY_BYTES]; /* for what is remembered by a name or a value */
    uint16_t *seen;                        /* marks of tokens that came lately */
    unsigned names_generation;             /* the vault's when `names` was last known to be right */
    struct uses *uses;                     /* noted in this read transaction; NULL: none */
    struct uses_lately *lately;
    struct vault_reader *next;
};

/* The locks are no part of what a caller sees as const. */
static inline pthread_rwlock_t *vault__keys_lock(const struct vault *v)
{
    return (pthread_rwlock_t *)&v->keys_lock;
}

/* DIR/NAME; caller frees. */
char *vault__path(const char *dir, const char *name);

/* Take the store for this process; the descriptor is held for as long. `create`: make the lock file. */
enum err vault__lock(const char *dir, bool create, int *ret_fd, struct errmsg *msg) MUST_CHECK;
/* vault_open() with a lock that is held (a duplicate is kept). `restored`, unless NULL, is appended to
 * the ledger once slab and database have caught up with it. */
enum err vault__open_locked(const struct vault_options *options, int lock_fd,
                            struct ledger_record *restored, struct vault **ret_vault,
                            struct errmsg *msg) MUST_CHECK;

/* A class of this store by id; NULL when there is none. */
static inline const struct store_class *vault__class(const struct vault *v, uint64_t id)
{
    if (id == 0 || id > CLASSES_MAX || __atomic_load_n(&v->table[id].id, __ATOMIC_ACQUIRE) == 0)
        return NULL;
    return &v->table[id];
}

/* ---- registry.c ---- */

/* What a configuration makes of a store's classes and domains, before it counts. */
struct registry {
    struct vault *v;
    struct store *store;
    bool live; /* requests are being served: what classes mean does not change now */
    struct store_class table[CLASSES_MAX + 1];
    const struct class_def *defs[CLASSES_MAX + 1];
    struct domain_table *domains; /* owned until published */
};

/* Match the configured classes and domains (NULL: the default one) with the store's, adding new ones
 * (domains with a key each, which is durable then), inside the caller's transaction. CONFIG with a
 * message. registry_free() in any case. */
struct registry *registry_new(struct vault *v, struct store *s, bool live);
void registry_free(struct registry **r);
enum err registry_match_domains(struct registry *r, const struct domains *domains,
                                struct errmsg *msg) MUST_CHECK;
enum err registry_match_classes(struct registry *r, const struct classes *classes,
                                struct errmsg *msg) MUST_CHECK;
/* After the commit: from now on it counts. The writer, or before there is one. */
void registry_publish(struct registry *r, const struct classes *classes);
/* Load the key of every configured domain; `missing`: only keys that are not there yet. */
enum err vault__domains_load(struct vault *v, bool missing, struct errmsg *msg) MUST_CHECK;
/* NULL when the domain is not configured. Any thread. */
const uint8_t *vault__domain_key(const struct vault *v, uint16_t domain);
/* Has the domain left the configuration, so that nothing new is stored in it? Writer thread. */
bool vault__domain_is_closed(const struct vault *v, uint16_t domain);
void vault__domains_wipe(struct vault *v); /* the keys, under keys_lock */
void vault__domains_free(struct vault *v);

/* ---- configure.c ---- */

/* Put classes and domains in force: CONFIG with a message for what the store cannot have, and nothing
 * is changed. Classes must stay where they are as long as the vault is open. The writer, or before
 * there is one. */
struct configuration {
    const struct classes *classes;
    const struct domains *domains; /* NULL: the default one */
    const uint8_t *digest;         /* of the file; NULL: not known */
};
enum err vault__configure(struct vault *v, struct store *s, bool live,
                          const struct configuration *c, struct errmsg *msg) MUST_CHECK;

/* ---- keys.c ---- */

/* Every unwrapped key that is neither a subject's nor a domain's is held and loaded here, and wiped here
 * when the vault is sealed.
 *
 * Open keys.slab and load the keys of the vault itself. */
enum err vault__keys_open(struct vault *v, const struct root_keys *roots, struct errmsg *msg)
    MUST_CHECK;
/* Load them again after slab_unseal(); wipe them. Under keys_lock. */
enum err vault__keys_load(struct vault *v, struct errmsg *msg) MUST_CHECK;
void vault__keys_wipe(struct vault *v);
/* Read one of the fixed slots; CORRUPT unless a key of that kind is in it. */
enum err vault__own_key(const struct slab *slab, uint64_t slot, enum slab_kind kind,
                        uint8_t ret[CRYPTO_KEY_BYTES]) MUST_CHECK;

/* ---- replay.c ---- */

/* Bring slab and database up to the ledger: erasures that it holds and they have not carried out.
 * CORRUPT with a message when the ledger is shorter than the store remembers. */
enum err vault__replay(struct vault *v, struct store *s, struct errmsg *msg) MUST_CHECK;
/* Carry one erasure into the database, inside the caller's transaction: names go, the sweep is
 * noted. */
enum err vault__replay_record(struct store *s, const struct ledger_record *record, struct span note)
    MUST_CHECK;
/* Remember how far the ledger goes, inside the caller's transaction. */
enum err vault__replay_mark(struct vault *v, struct store *s) MUST_CHECK;

/* ---- reader.c ---- */

/* Make readers that are not just reading forget what they keep of the database. Any thread that holds
 * no reader's lock. */
void vault__readers_let_go(struct vault *v);
/* Free those that are closed and kept: the vault closes. */
void vault__readers_free_idle(struct vault *v);
/* The same of connections to the books (records.h). */
void vault__records_free_idle(struct vault *v);

/* ---- checkpoint.c ---- */

enum err checkpointer_start(struct vault *v, struct checkpointer **ret) MUST_CHECK;
void checkpointer_stop(struct checkpointer **c);
/* Is a log of so many pages worth copying into the database? */
bool checkpointer_is_wanted(int pages);
/* Do it in the background. */
void checkpointer_hint(struct checkpointer *c);
/* Is the log so long that the writer should copy it itself before it goes on? */
bool checkpointer_is_behind(int pages);

/* ---- medium.c ---- */

/* Is the file system of device major:minor mounted with data=journal? `mountinfo`: text as
 * /proc/self/mountinfo has it. */
bool vault__medium_journals_data(const char *mountinfo, unsigned major, unsigned minor);
