/*
 * xdp_tool.c - puts an XDP program of any name that passes everything on an interface:
 *   xdp_tool leave DEVICE NAME native|generic   attached by netlink, stays there
 *   xdp_tool hold DEVICE NAME native|generic    by a link, until standard input ends
 *   xdp_tool pin DEVICE NAME native|generic FILE  by a link that a file keeps
 * Prints the program's id.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int fail(const char *what, int rc)
{
    fprintf(stderr, "xdp_tool: %s: %s\n", what, strerror(-rc));
    return 1;
}

int main(int argc, char **argv)
{
    enum { SKB = 1 << 1, DRV = 1 << 2 };
    const struct bpf_insn pass[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
        {.code = BPF_JMP | BPF_EXIT}};
    if (argc != 5 && argc != 6)
        return 2;
    uint32_t mode = strcmp(argv[4], "native") ? SKB : DRV;
    int ifindex = (int)if_nametoindex(argv[2]);
    int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, argv[3], "Apache-2.0", pass, 2, NULL);
    if (fd < 0)
        return fail("load", fd);
    if (!strcmp(argv[1], "leave")) {
        int rc = bpf_xdp_attach(ifindex, fd, mode, NULL);
        if (rc != 0)
            return fail("attach", rc);
    } else {
        struct bpf_link_create_opts options = {.sz = sizeof options, .flags = mode};
        int link = bpf_link_create(fd, ifindex, BPF_XDP, &options);
        if (link < 0)
            return fail("link", link);
        if (argc == 6 && bpf_obj_pin(link, argv[5]) != 0)
            return fail("pin", -errno);
    }
    struct bpf_prog_info info = {0};
    uint32_t bytes = sizeof info;
    if (bpf_obj_get_info_by_fd(fd, &info, &bytes) != 0)
        return fail("info", -1);
    printf("%u\n", info.id);
    fflush(stdout);
    char c;
    if (!strcmp(argv[1], "hold"))
        while (read(0, &c, 1) > 0)
            continue;
    return 0;
}
