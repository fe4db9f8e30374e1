// What a process has used, as the kernel counts it.
import fs from 'node:fs';

/** Nanoseconds that the threads of `pid` have run: exact where clock ticks of 10 ms would be too coarse. */
export function cpuNanoseconds(pid) {
  return fs.readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    try {
      return sum + Number(fs.readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      return sum;
    }
  }, 0);
}

/** Bytes of memory that are resident. */
export function residentBytes(pid) {
  const line = fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+) kB/);
  return Number(line[1]) * 1024;
}
