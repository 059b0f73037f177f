/* SPDX-License-Identifier: Apache-2.0 */
/* Does the medium keep its promise that overwritten bytes are gone? Measured: ext4 in its usual
 * mode and xfs overwrite in place; copy-on-write file systems and ext4 with data=journal keep
 * copies. Runs on: the thread that opens the vault. Holds: nothing. */
#include "vault/vault_priv.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

static const struct {
    uint32_t magic;
    const char *name;
} keepers[] = {
    {0x9123683e, "btrfs writes copies instead of overwriting"},
    {0x2fc12fc1, "zfs writes copies instead of overwriting"},
    {0xca451a4e, "bcachefs writes copies instead of overwriting"},
    {0xf2f52010, "f2fs writes copies instead of overwriting"},
    {0x00003434, "nilfs2 writes copies instead of overwriting"},
    {0x794c7630, "overlayfs hides what lies below: put the store on a volume of its own"},
    {0x00006969, "nfs leaves overwriting to a server that cannot be asked"},
    {0xff534d42, "cifs leaves overwriting to a server that cannot be asked"},
    {0xfe534d42, "smb leaves overwriting to a server that cannot be asked"},
    {0x65735546, "fuse leaves overwriting to a program that cannot be asked"},
    {0x01021997, "9p leaves overwriting to a host that cannot be asked"},
};

bool vault__medium_journals_data(const char *mountinfo, unsigned major, unsigned minor)
{
    char device[32];

    (void)snprintf(device, sizeof(device), " %u:%u ", major, minor);
    while (*mountinfo != '\0') {
        const char *end = strchrnul(mountinfo, '\n');
        const char *found = memmem(mountinfo, (size_t)(end - mountinfo), device, strlen(device));
        const char *options =
            found == NULL ? NULL : memmem(found, (size_t)(end - found), " - ext", 6);

        if (options != NULL && memmem(options, (size_t)(end - options), "data=journal", 12) != NULL)
            return true;
        mountinfo = *end == '\0' ? end : end + 1;
    }
    return false;
}

static bool journals_data(dev_t device)
{
    AUTO(mem_free) char *text = NULL;
    FILE *f = fopen("/proc/self/mountinfo", "re");
    size_t size = 0;
    ssize_t got;

    if (f == NULL)
        return false;
    got = getdelim(&text, &size, '\0', f);
    (void)fclose(f);
    return got > 0 && vault__medium_journals_data(text, major(device), minor(device));
}

void vault_look_at_medium(const char *dir, char ret_risk[VAULT_RISK_MAX])
{
    struct statfs fs;
    struct stat st;

    ret_risk[0] = '\0';
    if (statfs(dir, &fs) != 0 || stat(dir, &st) != 0) {
        (void)snprintf(ret_risk, VAULT_RISK_MAX, "the file system cannot be asked what it is");
        return;
    }
    for (size_t i = 0; i < COUNT_OF(keepers); i++)
        if ((uint32_t)fs.f_type == keepers[i].magic)
            (void)snprintf(ret_risk, VAULT_RISK_MAX, "%s", keepers[i].name);
    if (ret_risk[0] == '\0' && journals_data(st.st_dev))
        (void)snprintf(ret_risk, VAULT_RISK_MAX,
                       "ext4 with data=journal copies everything into its journal");
}

enum err vault_look_at_room(const char *dir, uint64_t *ret_free, bool *ret_reserve)
{
    AUTO(mem_free) char *reserve = vault__path(dir, VAULT_RESERVE);
    struct statvfs room;
    struct stat st;

    if (statvfs(dir, &room) != 0)
        return ERR_IO;
    *ret_free = (uint64_t)room.f_bavail * room.f_frsize;
    *ret_reserve = stat(reserve, &st) == 0 && st.st_size > 0;
    return ERR_OK;
}
