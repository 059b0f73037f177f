/* SPDX-License-Identifier: Apache-2.0 */
/* A made history need not outlive a loss of power: these stand before the C library's calls, for SQLite's, too. Two years
 * are some 30,000 syncs, of which each waits for the disk.
 *
 * Runs on: any thread. Holds: nothing. */
#include <unistd.h>

int fsync(int fd)
{
    (void)fd;
    return 0;
}

int fdatasync(int fd)
{
    (void)fd;
    return 0;
}
