// Preloaded into a process, sees every system call by which it may change a file, whoever makes it: libc, SQLite, or an
// instruction of its own. It ends the process by SIGKILL right before or after the n-th, counted over all threads, or
// lists them:
//
//   KILL_BEFORE=n   KILL_AFTER=n   CHANGES=FILE
//
// A seccomp filter turns each such call into a signal; the handler counts, and makes the call itself, from the one
// instruction that the filter lets through. What stands in a memory map is not seen: of the instance, that is SQLite's
// index of the log (`-shm`), which holds nothing of its own and which the first to open the database makes anew.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* How a call names the files that it changes: by the places of its arguments. */
enum names {
    FD,        /* 0 is open */
    FD_2,      /* 2 is open: where copy_file_range and splice write to */
    PATH,      /* 0 */
    PATHS,     /* 0 and 1 */
    PATH_LAST, /* 1, and 0 is only a text */
    AT,        /* 1, in the folder 0 */
    AT_BOTH,   /* 1 in 0, and 3 in 2 */
    AT_LAST,   /* 2 in 1, and 0 is only a text */
    OPEN,      /* 0, if the flags 1 may make or empty it */
    OPEN_AT,   /* 1 in 0, if the flags 2 may */
    OPEN_HOW,  /* 1 in 0, if the flags that 2 points to may */
    CLONE,     /* 0 is open, if the request 1 shares another file's blocks with it */
};

#define CALL(name, how) {SYS_##name, #name, how}
static const struct call { long number; const char *name; enum names how; } calls[] = {
    CALL(write, FD), CALL(writev, FD), CALL(pwrite64, FD), CALL(pwritev, FD), CALL(pwritev2, FD),
    CALL(sendfile, FD), CALL(copy_file_range, FD_2), CALL(splice, FD_2), CALL(ioctl, CLONE),
    CALL(ftruncate, FD), CALL(truncate, PATH), CALL(fallocate, FD),
    CALL(fsync, FD), CALL(fdatasync, FD), CALL(sync_file_range, FD), CALL(syncfs, FD),
    CALL(openat, OPEN_AT), CALL(openat2, OPEN_HOW), CALL(mkdirat, AT), CALL(mknodat, AT),
    CALL(renameat2, AT_BOTH), CALL(linkat, AT_BOTH), CALL(symlinkat, AT_LAST), CALL(unlinkat, AT),
    CALL(fchmod, FD), CALL(fchmodat, AT), CALL(fchown, FD), CALL(fchownat, AT), CALL(utimensat, AT),
    CALL(setxattr, PATH), CALL(fsetxattr, FD), CALL(removexattr, PATH), CALL(fremovexattr, FD),
#ifdef SYS_renameat
    CALL(renameat, AT_BOTH),
#endif
#ifdef SYS_open /* The calls that newer architectures do without. */
    CALL(open, OPEN), CALL(creat, PATH), CALL(mkdir, PATH), CALL(mknod, PATH), CALL(rename, PATHS), CALL(link, PATHS),
    CALL(symlink, PATH_LAST), CALL(unlink, PATH), CALL(rmdir, PATH), CALL(chmod, PATH), CALL(chown, PATH),
    CALL(lchown, PATH),
#endif
};
#define CALLS (sizeof calls / sizeof *calls)

/* Makes a system call; `passed` is where its one instruction ends. */
long pass(long number, const long *arguments) __attribute__((visibility("hidden")));
extern const char passed[] __attribute__((visibility("hidden")));
#if defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
__asm__("pass: mov %rdi, %rax\n mov %rsi, %r11\n mov 0(%r11), %rdi\n mov 8(%r11), %rsi\n mov 16(%r11), %rdx\n"
        "mov 24(%r11), %r10\n mov 32(%r11), %r8\n mov 40(%r11), %r9\n syscall\n passed: ret\n");
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
__asm__("pass: mov x8, x0\n mov x9, x1\n ldp x0, x1, [x9]\n ldp x2, x3, [x9, #16]\n ldp x4, x5, [x9, #32]\n"
        "svc #0\n passed: ret\n");
#else
#error "the registers of a system call are not known for this architecture"
#endif
#define PASS(name, ...) pass(SYS_##name, (const long[6]){__VA_ARGS__})

static long before, after;
static int list = -1;
static atomic_long changes;

static void end(void)
{
    PASS(kill, PASS(getpid), SIGKILL);
}

static int is_file(long fd)
{
    struct stat it;
    return PASS(fstat, fd, (long)&it) == 0 && (S_ISREG(it.st_mode) || S_ISDIR(it.st_mode));
}

/* Whether it may change a file. Pipes, sockets and the runtime's event counters are none. */
static int changes_a_file(const struct call *call, const long *with)
{
    const long makes = O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
    switch (call->how) {
    case FD: return is_file(with[0]);
    case FD_2: return is_file(with[2]);
    case OPEN: return (with[1] & makes) != 0;
    case OPEN_AT: return (with[2] & makes) != 0;
    case OPEN_HOW: return (*(const uint64_t *)with[2] & makes) != 0;
    case CLONE: return with[1] == FICLONE || with[1] == FICLONERANGE;
    default: return 1;
    }
}

struct line { char text[8192]; size_t length; };

static void say(struct line *line, const char *text)
{
    size_t length = strnlen(text, sizeof line->text - 2 - line->length);
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

static void say_link(struct line *line, const char *folder, long number)
{
    char path[64], digits[24], *digit = digits + sizeof digits - 1;
    *digit = 0;
    do *--digit = '0' + number % 10; while (number /= 10);
    strcpy(path, folder);
    strcat(path, number < 0 ? "" : digit);
    long length = PASS(readlinkat, AT_FDCWD, (long)path, (long)(line->text + line->length), sizeof line->text - 2 - line->length);
    line->length += length > 0 ? length : 0;
}

static void say_open(struct line *line, long fd)
{
    say(line, "\t");
    say_link(line, "/proc/self/fd/", fd);
}

static void say_path(struct line *line, long folder, long path)
{
    say(line, "\t");
    if (*(const char *)path != '/') {
        if ((int)folder == AT_FDCWD)
            PASS(getcwd, (long)(line->text + line->length), sizeof line->text - 2 - line->length),
            line->length += strlen(line->text + line->length);
        else
            say_link(line, "/proc/self/fd/", folder);
        say(line, "/");
    }
    say(line, (const char *)path);
}

/* Names the files. Before the call: a file that is renamed or removed has its name no more afterwards. */
static void describe(struct line *line, const struct call *call, const long *with)
{
    say(line, call->name);
    long folder = AT_FDCWD, path = 0;
    switch (call->how) {
    case FD: case CLONE: say_open(line, with[0]); return;
    case FD_2: say_open(line, with[2]); return;
    case PATHS: say_path(line, AT_FDCWD, with[0]), path = with[1]; break;
    case PATH_LAST: path = with[1]; break;
    case AT_BOTH: say_path(line, with[0], with[1]), folder = with[2], path = with[3]; break;
    case AT_LAST: folder = with[1], path = with[2]; break;
    case OPEN: case PATH: path = with[0]; break;
    default: folder = with[0], path = with[1];
    }
    say_path(line, folder, path);
    int opens = call->how == OPEN || call->how == OPEN_AT || call->how == OPEN_HOW;
    if (opens && PASS(faccessat, folder, path, F_OK) != 0)
        say(line, "\tnew");
}

static long change(const struct call *call, const long *with)
{
    struct line line = {.length = 0};
    if (list >= 0)
        describe(&line, call, with);
    long number = atomic_fetch_add(&changes, 1) + 1;
    if (number == before)
        end();
    long result = pass(call->number, with);
    if (list >= 0) {
        /* With what came of it, as the last word. */
        say(&line, result < 0 ? "\tfailed\n" : "\tdone\n");
        PASS(write, list, (long)line.text, line.length);
    }
    if (number == after)
        end();
    return result;
}

static void trapped(int signal, siginfo_t *about, void *context)
{
    (void)signal, (void)about;
#if defined __x86_64__
    greg_t *at = ((ucontext_t *)context)->uc_mcontext.gregs;
    const long number = at[REG_RAX];
    const long with[6] = {at[REG_RDI], at[REG_RSI], at[REG_RDX], at[REG_R10], at[REG_R8], at[REG_R9]};
    greg_t *answer = &at[REG_RAX];
#else
    unsigned long long *at = ((ucontext_t *)context)->uc_mcontext.regs;
    const long number = at[8];
    const long with[6] = {at[0], at[1], at[2], at[3], at[4], at[5]};
    unsigned long long *answer = &at[0];
#endif
    const struct call *call = calls;
    while (call->number != number)
        call++;
    *answer = changes_a_file(call, with) ? change(call, with) : pass(number, with);
}

static long number_in(const char *variable)
{
    const char *text = getenv(variable);
    return text ? atol(text) : 0;
}

#define LOAD(field) (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skip) (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, skip)
#define END(with) (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, with)

/* The offset of a half of a 64-bit field, on a machine that puts the lower one first. */
#define LOW(field) (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define HIGH(field) (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field) + 4)

__attribute__((constructor)) static void begin(void)
{
    before = number_in("KILL_BEFORE");
    after = number_in("KILL_AFTER");
    const char *path = getenv("CHANGES");
    if (path)
        list = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    struct sock_filter filter[10 + 2 * CALLS];
    size_t length = 0;
    const uint64_t own = (uintptr_t)passed;
    filter[length++] = LOAD(arch);
    filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    filter[length++] = END(SECCOMP_RET_KILL_PROCESS);
    filter[length++] = LOW(instruction_pointer);
    filter[length++] = UNLESS(own, 3);
    filter[length++] = HIGH(instruction_pointer);
    filter[length++] = UNLESS(own >> 32, 1);
    filter[length++] = END(SECCOMP_RET_ALLOW);
    filter[length++] = LOAD(nr);
    for (size_t call = 0; call < CALLS; call++) {
        filter[length++] = UNLESS(calls[call].number, 1);
        filter[length++] = END(SECCOMP_RET_TRAP);
    }
    filter[length++] = END(SECCOMP_RET_ALLOW);

    struct sigaction act = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
    struct sock_fprog program = {.len = length, .filter = filter};
    if (sigaction(SIGSYS, &act, NULL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
        static const char refused[] = "the system lets no filter of system calls be set up\n";
        (void)!write(2, refused, sizeof refused - 1);
        _exit(71);
    }
}
