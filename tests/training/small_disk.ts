/** A disk that is soon full, for tests of what happens then. */
import { join } from "node:path";

async function mount(at: string, kilobytes: number): Promise<boolean> {
  const args = ["-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs", at];
  return (await new Deno.Command("mount", { args, stderr: "null" }).output()).success;
}

async function mountable(): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const at = await Deno.makeTempDir(), mounted = await mount(at, 64);
  if (mounted) await new Deno.Command("umount", { args: [at] }).output();
  await Deno.remove(at);
  return mounted;
}

/** Whether this process may mount. */
export const canMount = await mountable();
if (!canMount) console.log("skipped: the full-disk tests mount a small tmpfs, which needs root on Linux");

/** Gives `test` the folder of a new, small disk, and a file there that takes room until it is removed. */
export async function onSmallDisk(
  { kilobytes, ballast }: { kilobytes: number; ballast: number },
  test: (disk: string, ballastFile: string) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir(), disk = join(root, "disk"), file = join(disk, "ballast");
  Deno.mkdirSync(disk);
  await mount(disk, kilobytes);
  try {
    Deno.writeFileSync(file, new Uint8Array(ballast << 10));
    await test(disk, file);
  } finally {
    await new Deno.Command("umount", { args: [disk] }).output();
    await Deno.remove(root, { recursive: true });
  }
}
