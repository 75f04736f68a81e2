/* privileges.c - see privileges.h. */
#include "live/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILES_MAX = 4096 };

void privileges_raise_limits(void)
{
    struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    (void)setrlimit(RLIMIT_MEMLOCK, &all); /* where it may; mlockall says so if it may not */
    struct rlimit files = {0};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max >= FILES_MAX) {
        files = (struct rlimit){FILES_MAX, FILES_MAX};
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

int privileges_find_user(struct identity *id, const char *user, struct error *e)
{
    *id = (struct identity){.uid = getuid(), .gid = getgid()};
    if (!user[0])
        return 0;
    errno = 0;
    const struct passwd *pw = getpwnam(user);
    if (!pw)
        return error_set(e, -ENOENT, "user %s does not exist; create it or change `user`", user);
    if (pw->pw_uid == geteuid())
        return 0;
    if (geteuid() != 0)
        return error_set(e, -EPERM, "only root can run the data plane as user %s", user);
    *id = (struct identity){.uid = pw->pw_uid, .gid = pw->pw_gid, .change = 1};
    return 0;
}

/* The libraries' calls change every thread, these raw ones the present one and those it starts. */
static int drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (unsigned long cap = 0; cap <= 63; cap++)
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
            (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    return syscall(SYS_capset, &head, none) == 0 ? 0 : -errno;
}

int privileges_drop(const struct identity *id, struct error *e)
{
    struct rlimit none = {0, 0};
    int rc = 0;
    (void)setrlimit(RLIMIT_CORE, &none);
    /* The bounding set while that is still allowed; then the user, which takes the rest along. */
    for (unsigned long cap = 0; id->change && cap <= 63; cap++)
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
            (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    if (id->change && (setgroups(0, NULL) != 0 || setresgid(id->gid, id->gid, id->gid) != 0 ||
                       setresuid(id->uid, id->uid, id->uid) != 0))
        return error_set(e, -errno, "cannot change to user %u: %s", id->uid, strerror(errno));
    rc = drop_capabilities();
    if (rc != 0)
        return error_set(e, rc, "cannot drop capabilities: %s", strerror(-rc));
    if (id->change && setuid(0) == 0)
        return error_set(e, -EPERM, "root could be regained; not going on");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return error_set(e, -errno, "cannot give up privileges: %s", strerror(errno));
    return 0;
}
