/*
 * send_frames.c - test helper: sends every frame of a capture out of a network interface by a
 * packet socket, so many a second.
 *
 *   send_frames FILE INTERFACE FRAMES-A-SECOND
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/io.h"

enum { BURST = 32, SECOND_NS = 1000000000 };

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static int open_socket(const char *interface)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_ifindex = (int)if_nametoindex(interface)};
    int fd = socket(AF_PACKET, SOCK_RAW, 0); /* protocol 0: receives nothing */
    if (fd < 0 || !to.sll_ifindex || bind(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        fprintf(stderr, "%s: %s\n", interface, strerror(errno));
        exit(1);
    }
    return fd;
}

static void send_one(int fd, const struct io_frame *f)
{
    while (send(fd, f->data, f->caplen, 0) < 0) {
        if (errno != ENOBUFS && errno != EAGAIN) {
            fprintf(stderr, "send: %s\n", strerror(errno));
            exit(1);
        }
        usleep(100);
    }
}

int main(int argc, char **argv)
{
    struct io_port *file;
    struct io_frame frame[BURST];
    struct error e;
    uint64_t sent = 0;
    if (argc != 4 || io_file_open(&file, argv[1], 0, &e) != 0) {
        fprintf(stderr, "%s\n", argc == 4 ? e.text : "send_frames FILE INTERFACE RATE");
        return 2;
    }
    int fd = open_socket(argv[2]);
    uint64_t rate = strtoull(argv[3], NULL, 10), start = now_ns();
    while (!file->at_end) {
        uint32_t n = file->ops->rx_burst(file, frame, BURST);
        for (uint32_t i = 0; i < n; i++)
            send_one(fd, &frame[i]);
        sent += n;
        uint64_t due = start + sent * SECOND_NS / (rate ? rate : 1), now = now_ns();
        if (rate && due > now)
            usleep((useconds_t)((due - now) / 1000));
    }
    printf("%llu\n", (unsigned long long)sent);
    file->ops->close(file);
    close(fd);
    return 0;
}
