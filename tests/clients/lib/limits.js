// What a server says of the limits that its clients met (docs/limits.md): a client that behaves meets none.

/** Metrics that count a limit for clients; `sluice_drops_total` also counts what is no fault of anybody. */
const COUNTS_A_LIMIT = [
  /^sluice_limit_hits_total\{/,
  /^sluice_rooms_failed_total\b/,
  /^sluice_drops_total\{.*reason="(too_long|too_many_ssrcs|not_sealed|data_refused|lossy_data_over_budget)"/,
];

/** The metrics of limits that were met, as the server writes them. */
export async function limitsMet(server) {
  const metrics = await (await fetch(server.metrics)).text();
  if (!metrics.includes('sluice_limit_hits_total')) throw new Error(`no metrics at ${server.metrics}`);
  return metrics.split('\n').filter((line) => {
    return COUNTS_A_LIMIT.some((counter) => counter.test(line)) && !line.endsWith(' 0');
  });
}
