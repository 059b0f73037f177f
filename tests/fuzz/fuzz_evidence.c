/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence packs come from anywhere: whatever the archive, it is found whole only if it was signed. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/secret.h"
#include "retention/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t nobodys_key[VAULT_PUBLIC_BYTES] = {1};
    struct evidence_facts facts;
    struct errmsg msg = {""};
    char path[64];
    int fd = memfd_create("pack", MFD_CLOEXEC);

    secret_start();
    REQUIRE(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    REQUIRE(evidence_verify(path, nobodys_key, &facts, &msg) != ERR_OK);
    REQUIRE(msg.text[0] != '\0');
    if (evidence_verify(path, NULL, &facts, &msg) == ERR_OK)
        REQUIRE(facts.key_id[0] != '\0' && facts.sha256[0] != '\0');
    (void)close(fd);
    return 0;
}
