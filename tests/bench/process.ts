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

/** Runs a program to its end and reads the JSON of its last line; `STARTED_MS` tells it when it was started. */
export async function lastJsonLine(command: string, args: string[]) {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    env: { STARTED_MS: String(Date.now()) },
  }).output();
  const [printed, complained] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  if (!success) {
    throw new Error(`running ${command} ${args.join(" ")} failed:\n${complained.slice(-4000)}`);
  }
  return JSON.parse(printed.split("\n").at(-1)!);
}
