// While the file FULL_WHILE is there, nothing more can be written to any file: the disk is full.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int full(int fd)
{
    const char *flag = getenv("FULL_WHILE");
    struct stat of;
    /* Sockets and pipes are no files of the disk. */
    if (fd <= 2 || !flag || access(flag, F_OK) != 0 || fstat(fd, &of) != 0 || !S_ISREG(of.st_mode))
        return 0;
    errno = ENOSPC;
    return 1;
}

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
