import assert from "node:assert/strict";
import { join } from "node:path";
import { fetchableModels } from "../../lib/tasks/fetchable_models.ts";
import { missingModel } from "../../lib/tasks/missing_model.ts";

const notebooks = new URL("../../notebooks", import.meta.url).pathname;

Deno.test("missingModel() names the model that a notebook waits for until its file is there", async () => {
  const models = await Deno.makeTempDir();
  try {
    const missing = (name: string) => missingModel(join(notebooks, `${name}.ipynb`), models);
    assert.equal(await missing("show_your_work"), null);
    assert.equal(await missing("real_model"), "smollm2");
    await Deno.mkdir(join(models, "smollm2"));
    assert.equal(await missing("real_model"), "smollm2");
    await Deno.writeTextFile(join(models, "smollm2", fetchableModels.smollm2.file), "");
    assert.equal(await missing("real_model"), null);
  } finally {
    await Deno.remove(models, { recursive: true });
  }
});
