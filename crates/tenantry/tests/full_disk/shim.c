// While the file FULL_WHILE is there, or from the FULL_FROM-th time on that room is asked for, there is none: the disk is full.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int no_room(void)
{
    static atomic_long asked;
    const char *flag = getenv("FULL_WHILE"), *from = getenv("FULL_FROM");
    if (!(flag && access(flag, F_OK) == 0) && !(from && atomic_fetch_add(&asked, 1) + 1 >= atol(from)))
        return 0;
    errno = ENOSPC;
    return 1;
}

/* Sockets and pipes are no files of the disk. */
static int full(int fd)
{
    struct stat of;
    return fd > 2 && fstat(fd, &of) == 0 && S_ISREG(of.st_mode) && no_room();
}

/* A new name takes room in its folder. But for those beside a database: SQLite does not tell why it can't make them. */
static int beside_a_database(const char *path)
{
    const char *last = strrchr(path, '-');
    return last && (!strcmp(last, "-wal") || !strcmp(last, "-shm") || !strcmp(last, "-journal"));
}

#define OPENS(name)                                               \
    int name(const char *path, int flags, ...)                    \
    {                                                             \
        va_list more;                                             \
        va_start(more, flags);                                    \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0; \
        va_end(more);                                             \
        if (flags & O_CREAT && access(path, F_OK) != 0 && !beside_a_database(path) && no_room()) \
            return -1;                                            \
        return REAL(name)(path, flags, mode);                     \
    }
OPENS(open)
OPENS(open64)

int mkdir(const char *path, mode_t mode) { return access(path, F_OK) != 0 && no_room() ? -1 : REAL(mkdir)(path, mode); }
int link(const char *from, const char *to) { return no_room() ? -1 : REAL(link)(from, to); }
ssize_t write(int fd, const void *bytes, size_t length) { return full(fd) ? -1 : REAL(write)(fd, bytes, length); }
ssize_t writev(int fd, const struct iovec *parts, int length) { return full(fd) ? -1 : REAL(writev)(fd, parts, length); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return full(fd) ? -1 : REAL(pwrite)(fd, bytes, length, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return full(fd) ? -1 : REAL(pwrite64)(fd, bytes, length, at); }
/* To become shorter takes no room, nor does a hole at the end. */
ssize_t sendfile64(int out, int in, off64_t *at, size_t length) { return full(out) ? -1 : REAL(sendfile64)(out, in, at, length); }
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t length, unsigned flags)
{
    return full(out) ? -1 : REAL(copy_file_range)(in, in_at, out, out_at, length, flags);
}
