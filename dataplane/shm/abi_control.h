/*
 * abi_control.h - second half of abi.h: the layouts of a live instance, that is the control segment
 * and what the state segment says about ports and the daemon. Same rules as abi.h, same hash.
 *
 * Writers: the control segment is written by the control plane only and mapped read-only by the
 * data plane; the records at the end of this file are in the state segment and the data plane's.
 */
#ifndef ABI_CDEF
#pragma once
#include "shm/abi.h"
#include "shm/abi_trade.h"
#endif

enum pn_live_limits {
    PN_SHARDS_MAX = 8,     /* polling cores of one instance */
    PN_PORTS_MAX = 16,     /* ports of one instance, all shards */
    PN_STEERS_MAX = 128,   /* flows that a port takes from its device */
    PN_SERVERS_MAX = 16,   /* re-request servers of one instance */
    PN_DEVICE_LEN = 128,   /* interface, PCI address, DPDK device string or file */
    PN_PATH_LEN = 256,     /* file paths, NUL terminated */
    PN_EAL_LEN = 2048,     /* EAL arguments, one a line */
    PN_COMMANDS = 64,      /* slots of the command ring; a power of two */
    PN_COMMAND_TEXT = 320, /* argument of a command, NUL terminated */
    PN_XSTATS_MAX = 64     /* device statistics kept a port */
};

enum pn_port_kind {
    PN_PORT_NONE = 0,
    PN_PORT_PCAP = 1, /* capture file, device = path */
    PN_PORT_AF_XDP = 2,
    PN_PORT_DPDK = 3,
    PN_PORT_MEMORY = 4,
    PN_PORT_KINDS = 5
};

/* How an AF_XDP port may get at its frames, and what it got (pn_port_status.mode). */
enum pn_xdp_mode {
    PN_XDP_AUTO = 0,     /* zero-copy asked for, copy mode taken where the driver has none */
    PN_XDP_ZEROCOPY = 1, /* refuse to start without */
    PN_XDP_COPY = 2
};

/* A flow that a port takes: IPv4 destination and UDP port; 0 = any. */
struct pn_steer {
    uint32_t group_be;
    uint16_t port;
    uint16_t multicast; /* 1: join the group */
};

/* One port: one or more queues of one device, polled by one shard. */
struct pn_port_config {
    char name[24];
    char device[128];
    uint32_t kind;  /* enum pn_port_kind */
    uint32_t shard; /* which shard polls it */
    uint16_t queue; /* first queue */
    uint16_t queues;
    uint32_t mode;         /* enum pn_xdp_mode */
    uint32_t rx_ring;      /* descriptors a queue, power of two */
    uint32_t tx_ring;      /* likewise */
    uint32_t buffers;      /* UMEM frames or mbufs a queue, power of two */
    uint32_t buffer_bytes; /* AF_XDP: 2048 or 4096 */
    uint32_t busy_poll_us; /* 0 = off */
    uint32_t promiscuous;
    uint32_t hw_time; /* 1: receive time of the device where it has one */
    uint32_t mtu;     /* 0 = as the device has it */
    uint32_t steers;
    uint32_t need_hugepages; /* 1: refuse to start without them; 0: used where there are some */
    uint32_t reserved[2];
    struct pn_steer steer[128];
};

/* A MoldUDP64 re-request server of one channel. */
struct pn_server_config {
    uint32_t channel; /* index in pn_live_config.channel */
    uint32_t address_be;
    uint16_t port;
    uint16_t reserved;
    uint32_t rate; /* requests a second at most */
};

struct pn_shard_config {
    struct pn_config engine;
    char state_path[256];   /* of its state segment */
    int32_t cpu;            /* pinned to; -1 = not pinned */
    uint32_t idle_sleep_us; /* sleep after a poll without frames; 0 = spin */
    uint32_t reserved[2];
};

/* All that the data plane must know; rendered from YAML by the control plane, fixed at start. */
struct pn_live_config {
    char instance[24];
    char user[32];     /* to run as after set-up; empty = as started */
    char run_dir[256]; /* pid file, control socket, captures that name no folder */
    char eal[2048];    /* EAL arguments, one a line; empty without DPDK ports */
    uint32_t shards;
    uint32_t ports;
    uint32_t channels;
    uint32_t servers;
    uint32_t seccomp;           /* 0: no filter (to find out what it refused) */
    uint32_t heartbeat_lost_ms; /* control plane counted as lost after this */
    uint32_t trade_shard;       /* which one trades */
    uint32_t reserved;
    struct pn_shard_config shard[8];
    struct pn_port_config port[16];
    struct pn_channel_config channel[64]; /* lines[].input is the index of a port */
    uint32_t channel_shard[64];
    struct pn_server_config server[16];
};

enum pn_command_kind {
    PN_CMD_NONE = 0,
    PN_CMD_STOP = 1,          /* orderly end; text = pid of the one that is meant, or empty */
    PN_CMD_CAPTURE_START = 2, /* text = path of a pcapng file */
    PN_CMD_CAPTURE_STOP = 3
};

/* Commands are numbered from 1; number n is in slot n % PN_COMMANDS and is never changed again. */
struct pn_command {
    uint64_t number; /* written last */
    uint32_t kind;   /* enum pn_command_kind */
    uint32_t shard;  /* PN_SHARDS_MAX = all */
    char text[320];
    uint64_t reserved[6];
};

struct pn_control {
    uint64_t magic;
    uint64_t abi_hash;
    uint32_t abi_version;
    uint32_t pid; /* of the control plane */
    uint64_t bytes;
    uint64_t start_ns;     /* wall clock, of the control plane's present run */
    uint64_t heartbeat_ns; /* CLOCK_MONOTONIC, written every few ms */
    uint64_t attaches;     /* control planes that have run on this segment */
    uint64_t last_command; /* number of the newest command */
    struct pn_live_config config;
    struct pn_command command[64];
    struct pn_trade_control trade; /* config.traded 0: the instance does not trade */
};

/* One statistic of a device, as its driver names it. */
struct pn_xstat {
    char name[56];
    uint64_t value;
};

/* One port, as it is (state segment). received == delivered + the drops of this port. */
struct pn_port_status {
    char name[24];
    char device[128];
    char driver[32]; /* of the device, or how the port is made */
    uint32_t kind;
    uint32_t mode; /* enum pn_xdp_mode really obtained */
    uint32_t queues;
    uint32_t link_up;
    uint32_t speed_mbps; /* 0 = unknown */
    uint32_t mtu;
    uint32_t hw_time;   /* 1: frames carry the device's time */
    uint32_t hugepages; /* 1: buffers are in hugepages */
    uint64_t rx_frames; /* handed to the engine */
    uint64_t rx_bytes;
    uint64_t tx_frames;
    uint64_t tx_bytes;
    uint64_t passed; /* left to the kernel by the steering program */
    uint64_t polls;
    uint64_t empty_polls;
    uint64_t drops[96]; /* by reason */
    uint32_t xstats;
    uint32_t seq; /* odd while the record is being written */
    struct pn_xstat xstat[64];
};

/* The daemon around one shard (state segment, PN_SEC_DAEMON). */
struct pn_daemon {
    uint64_t starts;      /* data planes that have run on this segment */
    uint64_t loops;       /* polls of all ports */
    uint64_t commands;    /* number of the last command done */
    int64_t command_code; /* 0 or a negative errno, of that command */
    char command_text[256];
    uint64_t control_lost;      /* times that the control plane's heartbeat was missed */
    uint64_t control_ok;        /* 1: it is there */
    uint64_t capturing;         /* 1: frames are being recorded */
    uint64_t captured;          /* frames recorded */
    uint64_t capture_drops;     /* frames that the recorder was too slow for */
    uint64_t rerequests;        /* re-request datagrams sent */
    uint64_t rerequest_hits;    /* datagrams received in answer */
    uint64_t rerequest_late;    /* gaps that no server closed in time */
    uint64_t repaired;          /* books rebuilt when this segment was attached again */
    uint64_t reattach_ns;       /* how long the last re-attach took */
    uint64_t rerequest_refused; /* answers not let in */
    uint64_t live;              /* 1 once ports and threads are up */
    uint64_t prefaulted;        /* 1 once all memory of the segment is mapped */
    uint64_t reserved[2];
};
