import { setObserver } from "../../lib/display/observer.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";

/** A test of a stage on one thread of the CPU, with a folder that goes when it ends. */
export function test(name: string, run: (folder: string) => Promise<void>) {
  Deno.test({
    name,
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      await useBackend({ backend: "cpu", threads: 1 });
      const folder = await Deno.makeTempDir();
      try {
        await run(folder);
      } finally {
        setObserver(null);
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
