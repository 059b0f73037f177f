/* SPDX-License-Identifier: Apache-2.0 */
/* What the store remembers of its backups: values that were destroyed since live on in them, as ciphertext. */
#pragma once

#include "base/err.h"
#include "vault/backup.h"
#include "vault/records.h"

enum { BACKUPS_TIME_MAX = 24 };

/* Remember that this one was made, in place of the one before. Worker thread; blocks. */
enum err backups_note(struct vault *vault, const struct vault_backup *backup) MUST_CHECK;
/* When the last one was made that this store knows of: "2026-11-24T18:36:22Z". NOT_FOUND: none. CORRUPT. */
enum err backups_last(struct vault_records *records, char ret_time[BACKUPS_TIME_MAX]) MUST_CHECK;
