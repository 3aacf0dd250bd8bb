// Ends the process by SIGKILL right before its n-th change of a file (KILL_AT), counted over all threads.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long changes;

static void count(void)
{
    static long at = -1;
    if (at == -1) {
        const char *text = getenv("KILL_AT");
        at = text ? atol(text) : 0;
    }
    if (atomic_fetch_add(&changes, 1) + 1 == at)
        kill(getpid(), SIGKILL);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t length)
{
    /* Standard output and error are no files of the instance. */
    if (fd > 2)
        count();
    return REAL(write)(fd, bytes, length);
}

ssize_t writev(int fd, const struct iovec *parts, int length)
{
    if (fd > 2)
        count();
    return REAL(writev)(fd, parts, length);
}

/* Of those that open a file, the ones that may make it. */
#define OPENS(name)                                        \
    int name(const char *path, int flags, ...)             \
    {                                                      \
        va_list more;                                      \
        va_start(more, flags);                             \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0; \
        va_end(more);                                      \
        if (flags & O_CREAT)                               \
            count();                                       \
        return REAL(name)(path, flags, mode);              \
    }
OPENS(open)
OPENS(open64)

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { count(); return REAL(pwrite)(fd, bytes, length, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { count(); return REAL(pwrite64)(fd, bytes, length, at); }
int fsync(int fd) { count(); return REAL(fsync)(fd); }
int fdatasync(int fd) { count(); return REAL(fdatasync)(fd); }
int ftruncate(int fd, off_t length) { count(); return REAL(ftruncate)(fd, length); }
int ftruncate64(int fd, off64_t length) { count(); return REAL(ftruncate64)(fd, length); }
int rename(const char *from, const char *to) { count(); return REAL(rename)(from, to); }
int link(const char *from, const char *to) { count(); return REAL(link)(from, to); }
int unlink(const char *path) { count(); return REAL(unlink)(path); }
int mkdir(const char *path, mode_t mode) { count(); return REAL(mkdir)(path, mode); }
ssize_t sendfile64(int out, int in, off64_t *at, size_t length) { count(); return REAL(sendfile64)(out, in, at, length); }
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t length, unsigned flags)
{
    count();
    return REAL(copy_file_range)(in, in_at, out, out_at, length, flags);
}
