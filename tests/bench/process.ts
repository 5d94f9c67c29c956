/** The process's largest resident memory so far in MB, from the kernel; NaN where there is no /proc. */
export function peakMegabytes(): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))?.[1]) / 1024;
  } catch {
    return NaN;
  }
}

/** Seconds since whoever started this process set `STARTED_MS`, or since it began. */
export function secondsSinceStart(): number {
  const started = Number(Deno.env.get("STARTED_MS") ?? performance.timeOrigin);
  return (performance.timeOrigin + performance.now() - started) / 1000;
}
