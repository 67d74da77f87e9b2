/*
 * An rdma_cm endpoint that follows a script: it connects or listens through librdmacm, without queue pairs of its own, so that
 * every message is sent exactly when the options say so.
 *
 *   rdma-peer listen ADDRESS PORT [OPTIONS]
 *   rdma-peer connect ADDRESS PORT [OPTIONS]
 *
 *   --udp                     datagram service (SIDR) instead of connections
 *   --backlog N               requests that may wait for us (default: as many as we can have)
 *   --count N                 connections to make, or to see the end of (default 1)
 *   --data TEXT               private data of the REQ, REP or SIDR_REP
 *   --accept-after MS         answer a request after so long (default 0; -1 never)
 *   --reject TEXT             reject requests, with this private data
 *   --reject-rep TEXT         as the client: reject the answer
 *   --establish-after MS      as the client: confirm after so long (default 0; -1 never)
 *   --disconnect-after MS     disconnect so long after the connection is established (default: wait for the peer)
 *   --ignore-disconnect       do not answer when the peer disconnects
 *   --qpn N                   number of the first queue pair (default 0x1000; each connection takes the next)
 *   --seconds S               give up after so long (default 60)
 *
 * It prints one JSON object a line: "time" in seconds since the start, "event" (librdmacm's, without RDMA_CM_EVENT_; or a call
 * of ours), "id" (which connection), "status", "data" (private data in hexadecimal digits). It ends with status 0 when all
 * connections have ended, however; 1 when a call fails or the time is over.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <rdma/rdma_cma.h>

#define CONNECTIONS_MAX 4096
#define RESOLVE_MS 5000

enum action { NOTHING, ACCEPT, ESTABLISH, DISCONNECT };

struct connection {
	struct rdma_cm_id *id;
	int number;
	int over;
	enum action action; /* what to do next, */
	double due;         /* and when */
};

static struct connection connections[CONNECTIONS_MAX];
static int made, over;
static int server, udp, ignore_disconnect;
static int count = 1, backlog = CONNECTIONS_MAX, accept_after, establish_after, disconnect_after = -1, seconds = 60;
static unsigned int next_qpn = 0x1000;
static const char *data, *reject_data, *reject_rep_data;
static double started;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void tell(const char *event, int number, int status, const void *bytes, int length)
{
	printf("{\"time\":%.3f,\"event\":\"%s\",\"id\":%d,\"status\":%d,\"data\":\"", now() - started, event, number, status);
	for (int i = 0; i < length; i++)
		printf("%02x", ((const unsigned char *)bytes)[i]);
	printf("\"}\n");
	fflush(stdout);
}

static void fail(const char *call)
{
	tell(call, 0, -errno, NULL, 0);
	exit(1);
}

/* The result of a call on a connection. */
static void told(const char *call, struct connection *connection, int result)
{
	tell(call, connection->number, result ? -errno : 0, NULL, 0);
}

static struct connection *add(struct rdma_cm_id *id)
{
	struct connection *connection = &connections[made];

	if (made == CONNECTIONS_MAX)
		fail("too many connections");
	connection->id = id;
	connection->number = ++made;
	id->context = connection;
	return connection;
}

static void plan(struct connection *connection, enum action action, int after_ms)
{
	connection->action = action;
	connection->due = now() + after_ms / 1e3;
}

static void end(struct connection *connection)
{
	if (!connection->over)
		over++;
	connection->over = 1;
	connection->action = NOTHING;
}

static struct rdma_conn_param parameters(void)
{
	struct rdma_conn_param parameters = {
		.responder_resources = 1,
		.initiator_depth = 1,
		.flow_control = 1,
		.retry_count = 7,
		.rnr_retry_count = 7,
		.qp_num = next_qpn++,
		.private_data = data,
		.private_data_len = data ? strlen(data) : 0,
	};

	return parameters;
}

static void act(struct connection *connection)
{
	struct rdma_conn_param chosen;
	enum action action = connection->action;

	connection->action = NOTHING;
	if (action == ACCEPT) {
		chosen = parameters();
		told("accept", connection, rdma_accept(connection->id, &chosen));
		if (udp)
			end(connection);
	} else if (action == ESTABLISH) {
		told("establish", connection, rdma_establish(connection->id));
		if (disconnect_after >= 0)
			plan(connection, DISCONNECT, disconnect_after);
	} else if (action == DISCONNECT) {
		told("disconnect", connection, rdma_disconnect(connection->id));
	}
}

static void on_request(struct connection *connection)
{
	if (reject_data) {
		told("reject", connection, rdma_reject(connection->id, reject_data, strlen(reject_data)));
		end(connection);
	} else if (accept_after >= 0) {
		plan(connection, ACCEPT, accept_after);
	}
}

static void on_response(struct connection *connection)
{
	if (reject_rep_data) {
		told("reject", connection, rdma_reject(connection->id, reject_rep_data, strlen(reject_rep_data)));
		end(connection);
	} else if (establish_after >= 0) {
		plan(connection, ESTABLISH, establish_after);
	}
}

static void handle(struct rdma_event_channel *channel)
{
	struct rdma_cm_event *event;
	struct connection *connection;
	struct rdma_conn_param chosen;
	enum rdma_cm_event_type type;
	const void *bytes;
	int length;

	if (rdma_get_cm_event(channel, &event))
		fail("rdma_get_cm_event");
	type = event->event;
	/* A request brings an identifier of its own. */
	connection = type == RDMA_CM_EVENT_CONNECT_REQUEST ? add(event->id) : event->id->context;
	bytes = udp ? event->param.ud.private_data : event->param.conn.private_data;
	length = udp ? event->param.ud.private_data_len : event->param.conn.private_data_len;
	/* Before a message has come, these fields mean nothing. */
	if (type < RDMA_CM_EVENT_CONNECT_REQUEST || !bytes)
		length = 0;
	tell(rdma_event_str(type) + strlen("RDMA_CM_EVENT_"), connection ? connection->number : 0, event->status, bytes, length);
	rdma_ack_cm_event(event);
	if (!connection)
		return;

	switch (type) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		if (rdma_resolve_route(connection->id, RESOLVE_MS))
			fail("rdma_resolve_route");
		break;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		chosen = parameters();
		told("connect", connection, rdma_connect(connection->id, &chosen));
		break;
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		on_request(connection);
		break;
	case RDMA_CM_EVENT_CONNECT_RESPONSE:
		on_response(connection);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		if (udp)
			end(connection);
		else if (disconnect_after >= 0)
			plan(connection, DISCONNECT, disconnect_after);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		if (ignore_disconnect)
			break;
		connection->action = NOTHING;
		rdma_disconnect(connection->id);
		end(connection);
		break;
	case RDMA_CM_EVENT_ADDR_ERROR:
	case RDMA_CM_EVENT_ROUTE_ERROR:
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_REJECTED:
		end(connection);
		break;
	default:
		break;
	}
}

static void begin(struct rdma_event_channel *channel, const struct addrinfo *address)
{
	enum rdma_port_space space = udp ? RDMA_PS_UDP : RDMA_PS_TCP;
	struct rdma_cm_id *id;

	for (int i = 0; i < (server ? 1 : count); i++) {
		if (rdma_create_id(channel, &id, NULL, space))
			fail("rdma_create_id");
		if (server) {
			if (rdma_bind_addr(id, address->ai_addr))
				fail("rdma_bind_addr");
			if (rdma_listen(id, backlog))
				fail("rdma_listen");
			tell("listening", 0, 0, NULL, 0);
		} else if (rdma_resolve_addr(add(id)->id, NULL, address->ai_addr, RESOLVE_MS)) {
			fail("rdma_resolve_addr");
		}
	}
}

/* Waits for an event until the next planned action is due. */
static void turn(struct rdma_event_channel *channel)
{
	struct pollfd waiting = { .fd = channel->fd, .events = POLLIN };
	double next = started + seconds;
	int wait_ms;

	for (int i = 0; i < made; i++)
		if (connections[i].action && connections[i].due < next)
			next = connections[i].due;
	wait_ms = (next - now()) * 1e3 + 1;
	if (poll(&waiting, 1, wait_ms > 0 ? wait_ms : 0) > 0)
		handle(channel);
	for (int i = 0; i < made; i++)
		if (connections[i].action && connections[i].due <= now())
			act(&connections[i]);
}

static void read_options(int argc, char **argv)
{
	enum { UDP = 1, BACKLOG, COUNT, DATA, ACCEPT_AFTER, REJECT, REJECT_REP, ESTABLISH_AFTER, DISCONNECT_AFTER, IGNORE_DISCONNECT, QPN, SECONDS };
	static const struct option options[] = {
		{ "udp", no_argument, NULL, UDP },
		{ "backlog", required_argument, NULL, BACKLOG },
		{ "count", required_argument, NULL, COUNT },
		{ "data", required_argument, NULL, DATA },
		{ "accept-after", required_argument, NULL, ACCEPT_AFTER },
		{ "reject", required_argument, NULL, REJECT },
		{ "reject-rep", required_argument, NULL, REJECT_REP },
		{ "establish-after", required_argument, NULL, ESTABLISH_AFTER },
		{ "disconnect-after", required_argument, NULL, DISCONNECT_AFTER },
		{ "ignore-disconnect", no_argument, NULL, IGNORE_DISCONNECT },
		{ "qpn", required_argument, NULL, QPN },
		{ "seconds", required_argument, NULL, SECONDS },
		{ 0 },
	};

	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
		switch (option) {
		case UDP: udp = 1; break;
		case BACKLOG: backlog = atoi(optarg); break;
		case COUNT: count = atoi(optarg); break;
		case DATA: data = optarg; break;
		case ACCEPT_AFTER: accept_after = atoi(optarg); break;
		case REJECT: reject_data = optarg; break;
		case REJECT_REP: reject_rep_data = optarg; break;
		case ESTABLISH_AFTER: establish_after = atoi(optarg); break;
		case DISCONNECT_AFTER: disconnect_after = atoi(optarg); break;
		case IGNORE_DISCONNECT: ignore_disconnect = 1; break;
		case QPN: next_qpn = strtoul(optarg, NULL, 0); break;
		case SECONDS: seconds = atoi(optarg); break;
		default: exit(2);
		}
	if (argc - optind != 3) {
		fprintf(stderr, "usage: rdma-peer listen|connect ADDRESS PORT [OPTIONS]\n");
		exit(2);
	}
	server = !strcmp(argv[optind], "listen");
}

int main(int argc, char **argv)
{
	struct rdma_event_channel *channel;
	struct addrinfo *address;

	started = now();
	read_options(argc, argv);
	channel = rdma_create_event_channel();
	if (!channel)
		fail("rdma_create_event_channel");
	if (getaddrinfo(argv[optind + 1], argv[optind + 2], NULL, &address))
		fail("getaddrinfo");
	begin(channel, address);
	while (over < count && now() < started + seconds)
		turn(channel);
	tell("end", 0, over < count ? -ETIMEDOUT : 0, NULL, 0);
	return over < count;
}
