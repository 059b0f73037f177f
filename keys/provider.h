/* SPDX-License-Identifier: Apache-2.0 */
/* Where versions of the root key come from. Every provider is one file behind the same table:
 *
 *   file:PATH         keys/file.c         the key itself, in a file closed to others
 *   credential:NAME   keys/credential.c   the same lines, given by systemd; read only
 *   passphrase:PATH   keys/passphrase.c   the key wrapped under a passphrase, in an envelope file
 *   {provider: vault, ...}    keys/transit.c   wrapped by HashiCorp Vault or OpenBao Transit
 *   {provider: pkcs11, ...}   keys/pkcs11.c    wrapped by a key that stays in a token
 *
 * A provider holds no version of the root key while load() or add() are not running. One thread at
 * a time calls a provider; the caller sees to that. Every call below but read() and close() may
 * block for as long as the provider's own time limit says. Errors come with a message that names
 * the provider's file or address and what to do, never with a byte of a key, passphrase or token. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/err.h"
#include "vault/rootkey.h"

struct provider;
struct prompt;

/* How a provider that can lose its access is doing; filled in by check() whatever it gives back. */
struct provider_health {
    int64_t again_ms; /* ask again after so long */
    int64_t lease_ms; /* so long after the last OK the keys may still be used */
};

struct provider_ops {
    /* What stands before ':' in the text form, or behind `provider:` in the map form. */
    const char *scheme;
    bool is_map; /* written as a map, not as a text */

    /* Read the configuration; touches neither file nor network. `node` is what stands in the
     * configuration file: the whole text ("file:root.key") or the map; it and `prompt` outlive the
     * provider. A map is checked with conf_only() ("provider" is one of its members). CONFIG with
     * conf_fail()'s FILE:LINE:COLUMN. Paths are relative to the file's folder: conf_path().
     * ret_provider: close(). */
    enum err (*read)(struct conf_node node, struct prompt *prompt, struct provider **ret_provider,
                     struct errmsg *msg);

    /* Every version there is, ascending. Errors: NOT_FOUND no version was ever made here (the file
     * is missing); SEALED for whatever else stands in the way: others can read the file, it is
     * garbage, a wrong passphrase, the service refuses or does not answer. ret: root_keys_done(). */
    enum err (*load)(struct provider *p, struct root_keys *ret, struct errmsg *msg);

    /* Make version `epoch` (new random bytes), make it durable and give it back: once this is OK
     * the version survives kill -9 and power loss, and load() has it. CONFLICT, and nothing
     * changed, when a version of this or a later epoch is there. With nothing there it begins (the
     * first version, `lethe init`). UNSUPPORTED when only the operator can do it; the message says
     * how. Others: SEALED, IO, NO_SPACE; the versions that were there still are.
     * ret: root_key_done(). */
    enum err (*add)(struct provider *p, uint32_t epoch, struct root_key *ret, struct errmsg *msg);

    /* Destroy version `epoch`: its bytes are overwritten and synced before they are given up, and
     * the other versions stay. OK, too, when it is not there; what a crash left of an earlier drop
     * is finished then. The last version may go: the provider is empty after (as before its first
     * add). UNSUPPORTED as add(). */
    enum err (*drop)(struct provider *p, uint32_t epoch, struct errmsg *msg);

    /* May Lethe still use the keys? NULL when that cannot end (a file on this host). Renews a lease
     * where there is one. OK: yes. Any error: not now; the server goes on for lease_ms after the
     * last OK, then seals the vault, and loads the keys again when check() is OK again. A provider
     * that was told that its access was taken away gives DENIED with lease_ms 0. */
    enum err (*check)(struct provider *p, struct provider_health *ret, struct errmsg *msg);

    /* Wipe and free; the provider is not NULL. */
    void (*close)(struct provider *p);
};

/* The first member of each provider's own struct. */
struct provider {
    const struct provider_ops *ops;
    char *name; /* for status and messages: "file:/etc/lethe/root.key"; no secret; heap, freed by
                   provider_close() after close() */
};

/* Read one `root_key` value: finds the provider by its scheme and calls its read(). CONFIG with
 * FILE:LINE:COLUMN; a value that looks like key material is refused without being repeated.
 * ret_provider: provider_close(). */
enum err provider_read(struct conf_node node, struct prompt *prompt, struct provider **ret_provider,
                       struct errmsg *msg) MUST_CHECK;
/* NULL inside is fine; leaves NULL. */
void provider_close(struct provider **provider);

/* The providers, each in its own file. */
extern const struct provider_ops provider_file;
extern const struct provider_ops provider_credential;
extern const struct provider_ops provider_passphrase;
extern const struct provider_ops provider_vault;
extern const struct provider_ops provider_pkcs11;
