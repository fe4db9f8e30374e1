// Waits that end as soon as the thing is seen, and say what was seen instead when it is not.

/** Time that a state change may take on a busy machine before a test calls it missing. */
export const PATIENCE_MS = 15_000;

const PROBE_EVERY_MS = 60;

/**
 * Polls `probe` until it returns something truthy and returns that.
 *
 * A probe that throws counts as "not yet". `expectation` names the behaviour: it opens the error.
 */
export async function until(expectation, probe, { within = PATIENCE_MS, seen } = {}) {
  const deadline = Date.now() + within;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) return last;
    } catch (error) {
      last = `probe failed: ${error.message}`;
    }
    if (Date.now() > deadline) break;
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
  }
  const state = seen ? await describe(seen) : last;
  throw new Error(`not seen within ${within} ms: ${expectation}\n  last seen: ${JSON.stringify(state)}`);
}

async function describe(seen) {
  try {
    return await seen();
  } catch (error) {
    return `unknown (${error.message})`;
  }
}

/** Fails if `probe` turns truthy before `during` milliseconds have passed: for things that must not happen. */
export async function never(expectation, probe, { during = 1_000 } = {}) {
  const deadline = Date.now() + during;
  while (Date.now() < deadline) {
    const value = await probe();
    if (value) throw new Error(`seen, but must not be: ${expectation}\n  seen: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
  }
}
