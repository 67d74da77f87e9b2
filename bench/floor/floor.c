/*
 * The least that a connection and its end cost over UDP: five datagrams of 280 bytes, each sent with one sendto and received with one recvfrom, and nobody looks at them.
 *
 *   floor CYCLES   two sockets of one process, one connection after the other
 *
 * Prints the nanoseconds of processor time and of the clock that a connection took.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum { PACKET_BYTES = 280, WARM_UP = 2000 };

static int bound(const char *address, struct sockaddr_in *name) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  memset(name, 0, sizeof *name);
  name->sin_family = AF_INET;
  inet_pton(AF_INET, address, &name->sin_addr);
  socklen_t length = sizeof *name;
  if (fd < 0 || bind(fd, (struct sockaddr *)name, length) < 0 || getsockname(fd, (struct sockaddr *)name, &length) < 0) {
    perror(address);
    exit(1);
  }
  return fd;
}

static void pass(int from, int to, const struct sockaddr_in *name) {
  static char packet[PACKET_BYTES], into[65536];
  struct sockaddr_in sender;
  socklen_t length = sizeof sender;
  packet[0]++;
  if (sendto(from, packet, sizeof packet, 0, (const struct sockaddr *)name, sizeof *name) != PACKET_BYTES ||
      recvfrom(to, into, sizeof into, 0, (struct sockaddr *)&sender, &length) != PACKET_BYTES) {
    perror("a datagram");
    exit(1);
  }
}

static double seconds(struct timeval time) { return time.tv_sec + time.tv_usec / 1e6; }

static double processor(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
  long cycles = count > 1 ? atol(arguments[1]) : 0;
  if (cycles <= 0) {
    fprintf(stderr, "usage: floor CYCLES\n");
    return 2;
  }
  struct sockaddr_in there, here;
  int client = bound("127.0.0.1", &here), server = bound("127.0.0.1", &there);
  double begin = 0, used = 0;
  for (long i = -WARM_UP; i < cycles; i++) {
    if (i == 0) begin = now(), used = processor();
    pass(client, server, &there); /* REQ */
    pass(server, client, &here);  /* REP */
    pass(client, server, &there); /* RTU */
    pass(client, server, &there); /* DREQ */
    pass(server, client, &here);  /* DREP */
  }
  printf("%.0f %.0f\n", (processor() - used) * 1e9 / cycles, (now() - begin) * 1e9 / cycles);
  return 0;
}
