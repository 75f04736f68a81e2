/* main.c - pinnacle-dp: reads its command line and wires the daemon; see daemon.h. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "daemon.h"

static const char usage[] =
    "usage: pinnacle-dp --control PATH [--check] [--keep-state]\n"
    "\n"
    "The data plane: takes frames from ports and keeps books in shared memory. It is started by\n"
    "pinnacle-ctl start, which writes the control segment at PATH.\n"
    "\n"
    "  --control PATH  control segment to take the configuration from\n"
    "  --check         look at the configuration, say what is wrong with it, and end\n"
    "  --keep-state    leave the state segments behind at an orderly end\n"
    "  --version       what this build contains\n"
    "  --help          this text\n"
    "\n"
    "A signal TERM or INT ends it in order; HUP is ignored. The log is JSON lines on standard\n"
    "error; a refused start is one line that begins with pinnacle-dp: and ends with\n"
    "\n"
    "   2  wrong option             7  configuration not valid\n"
    "   3  something is missing     8  no memory or hugepages\n"
    "   4  no permission           11  segment in use, of another build or configuration\n"
    "   1  anything else\n"
    "\n"
    "example: pinnacle-dp --control /run/pinnacle/main/main.control --check\n";

/* As in controlplane/pinnacle/errors.py. */
static int exit_code(int rc)
{
    switch (-rc) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
        return 3;
    case EACCES:
    case EPERM:
        return 4;
    case EINVAL:
        return 7;
    case ENOMEM:
    case ENOSPC:
        return 8;
    case EALREADY:
    case EEXIST:
    case EPROTO:
    case ESTALE:
        return 11;
    default:
        return 1;
    }
}

static int refuse(int rc, const struct error *e)
{
    fprintf(stderr, "pinnacle-dp: %s\n", e->text[0] ? e->text : strerror(-rc));
    return exit_code(rc);
}

struct options {
    const char *control;
    int check, keep;
};

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct options *o)
{
    static const struct option options[] = {
        {"control", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
        {"keep-state", no_argument, NULL, 's'},    {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},          {0}};
    int c;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'c':
            o->control = optarg;
            break;
        case 'k':
            o->check = 1;
            break;
        case 's':
            o->keep = 1;
            break;
        case 'v':
            fputs(pn_build_info(), stdout);
            return 0;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            return 2;
        }
    }
    if (!o->control || optind < argc) {
        fprintf(stderr, "pinnacle-dp: %s; see pinnacle-dp --help\n",
                o->control ? "too many arguments" : "--control PATH is missing");
        return 2;
    }
    return -1;
}

int main(int argc, char **argv)
{
    static struct daemon daemon;
    struct options o = {0};
    struct error e = {0};
    int code = parse(argc, argv, &o);
    if (code >= 0)
        return code;
    int rc = daemon_load(&daemon, o.control, &e);
    if (rc == 0 && !o.check) {
        daemon.keep = (uint32_t)o.keep;
        rc = daemon_open(&daemon, &e);
        if (rc == 0)
            daemon_run(&daemon);
    }
    daemon_close(&daemon);
    if (rc != 0)
        return refuse(rc, &e);
    if (o.check)
        puts("configuration is valid");
    return 0;
}
