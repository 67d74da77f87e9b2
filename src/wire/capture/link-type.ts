/**
 * The link types in which InfiniBand packets are looked for. Numbers: draft-ietf-opsawg-pcaplinktype, as they are in
 * files; 12 and 14 are what some systems' libpcap wrote for raw IP before 101 was assigned.
 */
export const LinkType = {
  null: 0,
  ethernet: 1,
  rawBsd: 12,
  rawOpenBsd: 14,
  raw: 101,
  loop: 108,
  linuxCooked: 113,
  erf: 197,
  ipv4: 228,
  ipv6: 229,
  infiniband: 247,
  linuxCooked2: 276,
} as const;
