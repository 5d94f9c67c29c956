import assert from "node:assert/strict";
import {
  compositeReward,
  displayable,
  evaluate,
  grpo,
  help,
  loadDataset,
  loadModel,
  sft,
} from "../../mod.ts";
import { displayedHtml } from "../../lib/display/displayable.ts";

const optionOf = (of: Parameters<typeof help>[0], name: string) =>
  help(of).options.find(({ option }) => option === name);

Deno.test("help() gives an option's default, TRL's name and meaning, as the schema has them", () => {
  assert.deepEqual(optionOf(grpo, "generations"), {
    option: "generations",
    default: "8",
    elsewhere: ["num_generations"],
    meaning: "Completions a prompt, G.",
  });
  assert.deepEqual(optionOf(grpo, "loss")!.elsewhere, ["loss_type"]);
  assert.equal(optionOf(grpo, "reward")!.default, "required");
  assert.equal(optionOf(sft, "evaluation")!.default, "none");
  assert.equal(optionOf(evaluate, "samples")!.default, "1");
  assert.deepEqual(optionOf(loadModel, "lora.alpha"), {
    option: "lora.alpha",
    default: "2·rank",
    elsewhere: ["lora_alpha"],
    meaning: "The update is scaled by alpha / rank.",
  });
  assert.equal(optionOf(loadModel, "path")!.default, "required");
  assert.equal(optionOf(compositeReward, "components.correctness.weight")!.default, "required");
});

Deno.test("help(loadDataset) lists the options of each kind of source once", () => {
  const counts = help(loadDataset).options.filter(({ option }) => option === "train[].count");
  assert.deepEqual(counts.map(({ of }) => of), ["generator"]);
  assert.match(optionOf(loadDataset, "test")!.meaning, /Takes what `train` takes\.$/);
});

Deno.test("help() is a table in a terminal and in a notebook", () => {
  const shown = Deno.inspect(help(grpo)), lines = shown.split("\n");
  assert.equal(lines[0], "grpo(model, problems, options)");
  assert.match(lines[1], /^option +default +TRL, PEFT +meaning$/);
  assert.ok(lines.some((line) => /^generations +8 +num_generations +Completions a prompt, G\.$/.test(line)));
  const html = displayedHtml(help(grpo));
  assert.ok(html.includes("<table") && html.includes("num_generations"));
});

Deno.test("help() of something else names the functions that it knows", () => {
  assert.throws(() => help(displayable), {
    name: "ArgumentError",
    message: /^help's argument must be one of the functions loadModel, .*got the function displayable/,
  });
});
