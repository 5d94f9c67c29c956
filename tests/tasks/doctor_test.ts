import assert from "node:assert/strict";
import { examineMachine } from "../../lib/tasks/doctor.ts";

Deno.test({
  name: "doctor names what there is, and a remedy for what is not",
  // the device that it opens outlives the test
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const findings = await examineMachine(),
      of = (what: string) => findings.find((finding) => finding.what === what)!;
    assert.match(of("Deno").found, new RegExp(`^${Deno.version.deno.replaceAll(".", "\\.")} `));
    assert.match(of("memory").found, /^\d+\.\d GB of \d+\.\d GB free/);
    assert.match(of("disk").found, /^\d+\.\d GB free in /);
    const adapter = of("WebGPU adapter");
    assert.equal(adapter.remedy === undefined, !/none|llvmpipe|SwiftShader/i.test(adapter.found));
    assert.equal(of("BLAS").remedy === undefined, of("BLAS").found !== "none: our SIMD product");
  },
});
