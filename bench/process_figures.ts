/** CPU time and memory of this process and its children, as Linux counts them. */

/** Clock ticks per second of `/proc/<pid>/stat`; fixed at 100 on every Linux architecture that Deno runs on. */
const TICKS_PER_SECOND = 100;

/** This process and its children, direct ones only. */
function family(): string[] {
  const children = [...Deno.readDirSync("/proc")].map((entry) => entry.name).filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    return statOf(pid)?.[1] === String(Deno.pid);
  });
  return [String(Deno.pid), ...children];
}

/** Fields of `/proc/<pid>/stat` after the name, or null where the process has ended. */
function statOf(pid: string): string[] | null {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /s, "").split(" ");
  } catch {
    return null;
  }
}

/** User and system time spent so far, in milliseconds; steps of 10 ms per process. */
export function cpuMs(): number {
  const ticks = family().map((pid) => {
    const stat = statOf(pid);
    return stat ? Number(stat[11]) + Number(stat[12]) : 0;
  });
  return ticks.reduce((a, b) => a + b, 0) * 1000 / TICKS_PER_SECOND;
}

/** Sum of the largest resident sizes. */
export function peakRssBytes(): number {
  const peaks = family().map((pid) => {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  });
  return peaks.reduce((a, b) => a + b, 0);
}
