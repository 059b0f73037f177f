/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's `audit`, and what it means for the trail of an open store. */
#pragma once

#include "base/conf.h"
#include "base/err.h"
#include "vault/audit.h"

struct settings;

struct audit_settings {
    struct audit_options options;
    char *heads; /* what options.heads borrows */
};

/* CONFIG with a message. audit_settings_done() in any case. */
enum err audit_settings_read(struct conf_node node, struct audit_settings *ret, struct errmsg *msg)
    MUST_CHECK;
void audit_settings_done(struct audit_settings *s);

/* These settings are in force for the trail. */
void audit_settings_use(const struct settings *s, struct vault *v);
/* Record that a server starts, and by which configuration; that it has another one; that it stops. Block. */
enum err audit_record_start(const struct settings *s, struct vault *v) MUST_CHECK;
enum err audit_record_configuration(const struct settings *s, struct vault *v) MUST_CHECK;
void audit_record_stop(struct vault *v);
