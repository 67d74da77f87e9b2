/*
 * A queue pair that follows a script: it connects or listens through librdmacm, and moves data step by step.
 *
 *   rdma-data-peer listen ADDRESS PORT [OPTIONS] STEP...
 *   rdma-data-peer connect ADDRESS PORT [OPTIONS] STEP...
 *
 *   --uc                  an unreliable connection; its service is in the port space IB, because TCP's has only reliable ones
 *   --srq                 receives are taken from a shared receive queue
 *   --memory N            bytes that the peer may work on (default 65536); byte i is i * 7 + i / 256
 *   --rights TEXT         what the peer may do there: r(ead), w(rite), a(tomic) (default rwa)
 *   --receives N          receives that are posted from the beginning (default 16)
 *   --receive-bytes N     bytes of each (default 65536)
 *   --rnr-retries N       how often to try again while the peer has no receive (default 7: for ever)
 *   --seconds N           give up after so long (default 120)
 *
 * Both sides tell in their private data what memory the other may work on: address (8 bytes), key (4), length (4), big-endian.
 *
 * Steps, in this order; PLACE is counted from the beginning of the peer's memory, SEED makes the data (byte i is SEED + i * 5 + i / 256):
 *
 *   send=BYTES,SEED                 a message
 *   send-immediate=BYTES,SEED,DATA  with immediate data
 *   send-invalidate=BYTES,SEED      the peer's key of its memory means nothing any more
 *   write=PLACE,BYTES,SEED          RDMA write
 *   write-immediate=PLACE,BYTES,SEED,DATA
 *   read=PLACE,BYTES                RDMA read; tells what came
 *   add=PLACE,NUMBER                fetch and add; tells what was there
 *   swap=PLACE,COMPARE,NUMBER       compare and swap; tells what was there
 *   receive                         waits for a message, and tells it
 *   post=N                          posts so many receives
 *   memory=PLACE,BYTES              tells what is in our own memory
 *   window                          sends the key of a memory window over our memory (16 bytes as in the private data)
 *   key=BITS                        turns bits of the peer's key over, from here on
 *   sleep=MS
 *   state                           tells the queue pair's state, as a number of libibverbs
 *   disconnect                      disconnects; without it, the end of the steps waits for the peer
 *
 * It prints one JSON object a line: "time" in seconds since the start, "event" (a step's name, or one of librdmacm's), "id" (which step), "status"
 * (of the work completion; of a failed call, below zero), and of data "length", "crc" (CRC-32), "immediate", "invalidated", "value". It ends with status 0 when
 * it has come to the end, whatever the completions said.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>

#define SENDS 8
#define RECEIVES_MAX 256
#define SCRATCH_BYTES (4 << 20)
/* soft-RoCE passes the kernel's flag on, which is not libibverbs'. */
#define KERNEL_WITH_INVALIDATE (1 << 2)

struct place {
	uint64_t address;
	uint32_t key;
	uint32_t length;
} __attribute__((packed));

static struct rdma_cm_id *id;
static struct ibv_cq *send_queue, *receive_queue;
static struct ibv_srq *shared;
static struct ibv_mr *memory_region, *scratch_region, *receive_region;
static unsigned char *memory, *scratch, *receives;
static struct place peer;
static int server, unreliable, with_shared, initial_receives = 16, rnr_retries = 7, seconds = 120;
static unsigned int memory_bytes = 65536, receive_bytes = 65536, posted;
static int remote_rights = IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC;
static double started;
static int number;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void tell(const char *event, int status, const char *more)
{
	printf("{\"time\":%.3f,\"event\":\"%s\",\"id\":%d,\"status\":%d%s}\n", now() - started, event, number, status, more);
	fflush(stdout);
}

static void fail(const char *call)
{
	tell(call, -errno, "");
	exit(1);
}

static uint32_t crc_of(const unsigned char *bytes, size_t length)
{
	uint32_t crc = 0xffffffff;

	while (length--) {
		crc ^= *bytes++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static void tell_data(const char *event, int status, const unsigned char *bytes, size_t length, const char *more)
{
	char text[256];

	snprintf(text, sizeof text, ",\"length\":%zu,\"crc\":%u%s", length, crc_of(bytes, length), more);
	tell(event, status, text);
}

static void fill(unsigned long seed, size_t length)
{
	if (length > SCRATCH_BYTES)
		exit(2);
	for (size_t i = 0; i < length; i++)
		scratch[i] = seed + i * 5 + i / 256;
}

static struct ibv_mr *register_bytes(unsigned char **bytes, size_t length, int access)
{
	struct ibv_mr *region;

	/* Page by page, so that atomics find their numbers aligned. */
	if (posix_memalign((void **)bytes, 4096, length ? length : 1))
		fail("posix_memalign");
	memset(*bytes, 0, length);
	region = ibv_reg_mr(id->pd, *bytes, length ? length : 1, access);
	if (!region)
		fail("ibv_reg_mr");
	return region;
}

static void post_receives(int count)
{
	for (; count > 0; count--, posted++) {
		unsigned int slot = posted % RECEIVES_MAX;
		struct ibv_sge element = { (uintptr_t)(receives + (size_t)slot * receive_bytes), receive_bytes, receive_region->lkey };
		struct ibv_recv_wr request = { .wr_id = slot, .sg_list = &element, .num_sge = 1 }, *bad;
		int error = shared ? ibv_post_srq_recv(shared, &request, &bad) : ibv_post_recv(id->qp, &request, &bad);

		if (error) {
			errno = error;
			fail("ibv_post_recv");
		}
	}
}

static void create_queue_pair(void)
{
	struct ibv_qp_init_attr attributes = {
		.qp_type = unreliable ? IBV_QPT_UC : IBV_QPT_RC,
		.sq_sig_all = 1,
		.cap = { .max_send_wr = SENDS, .max_recv_wr = RECEIVES_MAX, .max_send_sge = 1, .max_recv_sge = 1 },
	};
	struct ibv_srq_init_attr srq_attributes = { .attr = { .max_wr = RECEIVES_MAX, .max_sge = 1 } };

	send_queue = ibv_create_cq(id->verbs, SENDS, NULL, NULL, 0);
	receive_queue = ibv_create_cq(id->verbs, RECEIVES_MAX, NULL, NULL, 0);
	if (!send_queue || !receive_queue)
		fail("ibv_create_cq");
	if (!id->pd)
		id->pd = ibv_alloc_pd(id->verbs);
	if (with_shared) {
		shared = ibv_create_srq(id->pd, &srq_attributes);
		if (!shared)
			fail("ibv_create_srq");
	}
	attributes.send_cq = send_queue;
	attributes.recv_cq = receive_queue;
	attributes.srq = shared;
	if (rdma_create_qp(id, id->pd, &attributes))
		fail("rdma_create_qp");
	memory_region = register_bytes(&memory, memory_bytes,
		IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_MW_BIND | remote_rights);
	for (unsigned int i = 0; i < memory_bytes; i++)
		memory[i] = i * 7 + i / 256;
	scratch_region = register_bytes(&scratch, SCRATCH_BYTES, IBV_ACCESS_LOCAL_WRITE);
	receive_region = register_bytes(&receives, (size_t)RECEIVES_MAX * receive_bytes, IBV_ACCESS_LOCAL_WRITE);
	post_receives(initial_receives);
}

static struct place our_place(uint32_t key)
{
	struct place place = { htobe64((uintptr_t)memory), htonl(key), htonl(memory_bytes) };

	return place;
}

static void learn(const struct rdma_cm_event *event)
{
	struct place place;

	if (event->param.conn.private_data_len < sizeof place) {
		errno = EPROTO;
		fail("private data");
	}
	memcpy(&place, event->param.conn.private_data, sizeof place);
	peer.address = be64toh(place.address);
	peer.key = ntohl(place.key);
	peer.length = ntohl(place.length);
}

static void connect_or_listen(const char *address, const char *port)
{
	struct rdma_addrinfo hints = {
		.ai_port_space = unreliable ? RDMA_PS_IB : RDMA_PS_TCP,
		.ai_qp_type = unreliable ? IBV_QPT_UC : IBV_QPT_RC,
		.ai_flags = server ? RAI_PASSIVE : 0,
	}, *found;
	struct rdma_cm_id *listener;
	struct place place;
	struct rdma_conn_param parameters = {
		.private_data = &place,
		.private_data_len = sizeof place,
		.responder_resources = 16,
		.initiator_depth = 16,
		.retry_count = 7,
		.rnr_retry_count = rnr_retries,
	};

	if (rdma_getaddrinfo(address, port, &hints, &found))
		fail("rdma_getaddrinfo");
	/* Where the port space is not TCP's, librdmacm may have found something else. */
	found->ai_port_space = hints.ai_port_space;
	found->ai_qp_type = hints.ai_qp_type;
	if (server) {
		if (rdma_create_ep(&listener, found, NULL, NULL))
			fail("rdma_create_ep");
		if (rdma_listen(listener, 1))
			fail("rdma_listen");
		tell("listening", 0, "");
		if (rdma_get_request(listener, &id))
			fail("rdma_get_request");
	} else if (rdma_create_ep(&id, found, NULL, NULL)) {
		fail("rdma_create_ep");
	}
	create_queue_pair();
	place = our_place(memory_region->rkey);
	if (server) {
		learn(id->event);
		if (rdma_accept(id, &parameters))
			fail("rdma_accept");
	} else {
		if (rdma_connect(id, &parameters))
			fail("rdma_connect");
		learn(id->event);
	}
	/* From here on no call waits for an event by itself. */
	if (rdma_migrate_id(id, rdma_create_event_channel()))
		fail("rdma_migrate_id");
	tell("ESTABLISHED", 0, "");
}

static struct ibv_wc completion_of(struct ibv_cq *queue, const char *what)
{
	struct ibv_wc completion;
	int count;

	while ((count = ibv_poll_cq(queue, 1, &completion)) == 0) {
		if (now() > started + seconds) {
			errno = ETIMEDOUT;
			fail(what);
		}
		usleep(200);
	}
	if (count < 0)
		fail("ibv_poll_cq");
	return completion;
}

static struct ibv_wc request(const char *what, enum ibv_wr_opcode opcode, size_t length, unsigned long offset, struct ibv_send_wr more)
{
	struct ibv_sge element = { (uintptr_t)scratch, length, scratch_region->lkey };
	struct ibv_send_wr *bad;
	int error;

	more.opcode = opcode;
	more.send_flags = IBV_SEND_SIGNALED;
	if (opcode != IBV_WR_BIND_MW) {
		more.sg_list = &element;
		more.num_sge = length > 0;
	}
	if (opcode == IBV_WR_ATOMIC_FETCH_AND_ADD || opcode == IBV_WR_ATOMIC_CMP_AND_SWP) {
		more.wr.atomic.remote_addr = peer.address + offset;
		more.wr.atomic.rkey = peer.key;
	} else if (opcode == IBV_WR_RDMA_WRITE || opcode == IBV_WR_RDMA_WRITE_WITH_IMM || opcode == IBV_WR_RDMA_READ) {
		more.wr.rdma.remote_addr = peer.address + offset;
		more.wr.rdma.rkey = peer.key;
	}
	error = ibv_post_send(id->qp, &more, &bad);
	if (error) {
		errno = error;
		fail(what);
	}
	return completion_of(send_queue, what);
}

static void tell_value(const char *what, struct ibv_wc completion)
{
	char text[64];
	uint64_t value;

	memcpy(&value, scratch, sizeof value);
	snprintf(text, sizeof text, ",\"value\":\"%016llx\"", (unsigned long long)value);
	tell(what, completion.status, completion.status ? "" : text);
}

static void receive(void)
{
	struct ibv_wc completion = completion_of(receive_queue, "receive");
	int written = completion.opcode == IBV_WC_RECV_RDMA_WITH_IMM;
	char more[128] = "";

	if (completion.status) {
		tell("receive", completion.status, "");
		return;
	}
	if (completion.wc_flags & IBV_WC_WITH_IMM)
		snprintf(more, sizeof more, ",\"immediate\":%u,\"written\":%d", ntohl(completion.imm_data), written ? (int)completion.byte_len : -1);
	if (completion.wc_flags & (IBV_WC_WITH_INV | KERNEL_WITH_INVALIDATE))
		snprintf(more, sizeof more, ",\"invalidated\":%u", completion.invalidated_rkey);
	tell_data("receive", 0, receives + completion.wr_id * receive_bytes, written ? 0 : completion.byte_len, more);
}

static void tell_window(void)
{
	struct ibv_mw *window = ibv_alloc_mw(id->pd, IBV_MW_TYPE_2);
	struct ibv_wc completion;
	struct place place;

	if (!window)
		fail("ibv_alloc_mw");
	completion = request("window", IBV_WR_BIND_MW, 0, 0, (struct ibv_send_wr){
		.bind_mw = {
			.mw = window,
			.rkey = ibv_inc_rkey(window->rkey),
			.bind_info = { memory_region, (uintptr_t)memory, memory_bytes, remote_rights },
		},
	});
	tell("bind", completion.status, "");
	place = our_place(ibv_inc_rkey(window->rkey));
	memcpy(scratch, &place, sizeof place);
	tell("window", request("window", IBV_WR_SEND, sizeof place, 0, (struct ibv_send_wr){ 0 }).status, "");
}

static void tell_state(void)
{
	struct ibv_qp_init_attr initial;
	struct ibv_qp_attr attributes;
	char text[64];

	if (ibv_query_qp(id->qp, &attributes, IBV_QP_STATE, &initial))
		fail("ibv_query_qp");
	snprintf(text, sizeof text, ",\"value\":\"%d\"", attributes.qp_state);
	tell("state", 0, text);
}

/* Does a step. */
static void act(char *step)
{
	unsigned long n[4] = { 0 };
	const struct ibv_send_wr nothing = { 0 };
	struct ibv_wc completion;
	char *numbers = strchr(step, '=');
	char *next = numbers ? numbers + 1 : NULL;

	number++;
	if (numbers)
		*numbers = 0;
	for (int i = 0; next && i < 4; i++, next = strchr(next, ',') ? strchr(next, ',') + 1 : NULL)
		n[i] = strtoul(next, NULL, 0);

	if (!strcmp(step, "send")) {
		fill(n[1], n[0]);
		tell(step, request(step, IBV_WR_SEND, n[0], 0, nothing).status, "");
	} else if (!strcmp(step, "send-immediate")) {
		fill(n[1], n[0]);
		tell(step, request(step, IBV_WR_SEND_WITH_IMM, n[0], 0, (struct ibv_send_wr){ .imm_data = htonl(n[2]) }).status, "");
	} else if (!strcmp(step, "send-invalidate")) {
		fill(n[1], n[0]);
		tell(step, request(step, IBV_WR_SEND_WITH_INV, n[0], 0, (struct ibv_send_wr){ .invalidate_rkey = peer.key }).status, "");
	} else if (!strcmp(step, "write")) {
		fill(n[2], n[1]);
		tell(step, request(step, IBV_WR_RDMA_WRITE, n[1], n[0], nothing).status, "");
	} else if (!strcmp(step, "write-immediate")) {
		fill(n[2], n[1]);
		tell(step, request(step, IBV_WR_RDMA_WRITE_WITH_IMM, n[1], n[0], (struct ibv_send_wr){ .imm_data = htonl(n[3]) }).status, "");
	} else if (!strcmp(step, "read")) {
		fill(0, n[1]);
		completion = request(step, IBV_WR_RDMA_READ, n[1], n[0], nothing);
		tell_data(step, completion.status, scratch, n[1], "");
	} else if (!strcmp(step, "add")) {
		tell_value(step, request(step, IBV_WR_ATOMIC_FETCH_AND_ADD, 8, n[0], (struct ibv_send_wr){ .wr.atomic.compare_add = n[1] }));
	} else if (!strcmp(step, "swap")) {
		tell_value(step, request(step, IBV_WR_ATOMIC_CMP_AND_SWP, 8, n[0],
			(struct ibv_send_wr){ .wr.atomic = { .compare_add = n[1], .swap = n[2] } }));
	} else if (!strcmp(step, "receive")) {
		receive();
	} else if (!strcmp(step, "post")) {
		post_receives(n[0]);
		tell(step, 0, "");
	} else if (!strcmp(step, "memory")) {
		if (n[0] + n[1] > memory_bytes)
			exit(2);
		tell_data(step, 0, memory + n[0], n[1], "");
	} else if (!strcmp(step, "window")) {
		tell_window();
	} else if (!strcmp(step, "key")) {
		peer.key ^= n[0];
		tell(step, 0, "");
	} else if (!strcmp(step, "sleep")) {
		usleep(n[0] * 1000);
		tell(step, 0, "");
	} else if (!strcmp(step, "state")) {
		tell_state();
	} else if (!strcmp(step, "disconnect")) {
		tell(step, rdma_disconnect(id) ? -errno : 0, "");
	} else {
		fprintf(stderr, "rdma-data-peer: no step %s\n", step);
		exit(2);
	}
}

static void wait_for_the_end(void)
{
	enum rdma_cm_event_type type;
	struct rdma_cm_event *event;

	do {
		if (rdma_get_cm_event(id->channel, &event))
			fail("rdma_get_cm_event");
		type = event->event;
		tell(rdma_event_str(type) + strlen("RDMA_CM_EVENT_"), event->status, "");
		rdma_ack_cm_event(event);
	} while (type != RDMA_CM_EVENT_DISCONNECTED);
}

static void read_options(int argc, char **argv)
{
	enum { UC = 1, SRQ, MEMORY, RIGHTS, RECEIVES, RECEIVE_BYTES, RNR_RETRIES, SECONDS };
	static const struct option options[] = {
		{ "uc", no_argument, NULL, UC },
		{ "srq", no_argument, NULL, SRQ },
		{ "memory", required_argument, NULL, MEMORY },
		{ "rights", required_argument, NULL, RIGHTS },
		{ "receives", required_argument, NULL, RECEIVES },
		{ "receive-bytes", required_argument, NULL, RECEIVE_BYTES },
		{ "rnr-retries", required_argument, NULL, RNR_RETRIES },
		{ "seconds", required_argument, NULL, SECONDS },
		{ 0 },
	};

	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
		switch (option) {
		case UC: unreliable = 1; break;
		case SRQ: with_shared = 1; break;
		case MEMORY: memory_bytes = atoi(optarg); break;
		case RIGHTS:
			remote_rights = (strchr(optarg, 'r') ? IBV_ACCESS_REMOTE_READ : 0) | (strchr(optarg, 'w') ? IBV_ACCESS_REMOTE_WRITE : 0) |
				(strchr(optarg, 'a') ? IBV_ACCESS_REMOTE_ATOMIC : 0);
			break;
		case RECEIVES: initial_receives = atoi(optarg); break;
		case RECEIVE_BYTES: receive_bytes = atoi(optarg); break;
		case RNR_RETRIES: rnr_retries = atoi(optarg); break;
		case SECONDS: seconds = atoi(optarg); break;
		default: exit(2);
		}
	if (argc - optind < 3 || initial_receives > RECEIVES_MAX) {
		fprintf(stderr, "usage: rdma-data-peer listen|connect ADDRESS PORT [OPTIONS] STEP...\n");
		exit(2);
	}
	server = !strcmp(argv[optind], "listen");
}

int main(int argc, char **argv)
{
	int disconnected = 0;

	started = now();
	read_options(argc, argv);
	/* A peer that never comes, or never goes, is not waited for. */
	alarm(seconds + 5);
	connect_or_listen(argv[optind + 1], argv[optind + 2]);
	for (int i = optind + 3; i < argc; i++) {
		if (!strcmp(argv[i], "disconnect"))
			disconnected = 1;
		act(argv[i]);
	}
	wait_for_the_end();
	if (!disconnected)
		rdma_disconnect(id);
	tell("end", 0, "");
	return 0;
}
