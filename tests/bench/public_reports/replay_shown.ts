/** What people see: terminals, pages, pictures. */
import { join } from "node:path";
import { inFolder, type Replays, written } from "./replay.ts";

const hostile = "\x1b[2J\x1b]0;pwned\x07";
// deno-lint-ignore no-control-regex
const raw = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202e]/;

/** Inputs of the kind G1. */
export const replays: Replays = {
  "a completion with ESC[2J ESC]0;pwned BEL": async ({ showwork, tiny }) => {
    const model = tiny.tinyModel();
    const speaking = Object.create(model, {
      generate: {
        value: (_: unknown, options: { onText?: (piece: unknown) => void }) => {
          options.onText?.({ index: 0, text: hostile, tokens: 1 });
          return Promise.resolve([{
            text: hostile,
            tokens: [1],
            pieces: [hostile],
            logprobs: [-1],
            ended: "eos",
          }]);
        },
      },
    });
    const chat = showwork.chat(speaking);
    const said = await written(() => chat.say("Hi")) + chat;
    const data = await inFolder(async (folder) => {
      const path = join(folder, "a.jsonl");
      await Deno.writeTextFile(path, JSON.stringify({ q: `${hostile}?`, a: "1" }));
      const set = await showwork.loadDataset({
        train: [{ source: "generator", count: 4 }],
        test: [{ source: "jsonl", path, fields: { question: "q", answer: "a" } }],
      });
      return Deno.inspect(set, { colors: false }) + set;
    });
    model.dispose();
    return {
      came: `chat ${raw.test(said) ? "raw" : "visible"}, table ${raw.test(data) ? "raw" : "visible"}`,
      right: !raw.test(said) && !raw.test(data) && said.includes("pwned"),
    };
  },
  "accuracyFigure with evaluations named": async ({ path, showwork, tiny }) => {
    const { accuracyFigure } = await import(`file://${path}/lib/report/evaluation_figures.ts`);
    const model = tiny.tinyModel();
    const evaluation = await showwork.evaluate(model, tiny.problems.slice(0, 2), { maxTokens: 4 });
    model.dispose();
    return await inFolder(async (folder) => {
      const pictures: string[] = [];
      const notes = await written(async () => {
        // were the names blank, two of one length would give one picture
        for (const name of ["基线", "训练", "👍👍"]) {
          const file = join(folder, "a.png");
          await accuracyFigure({ [name]: evaluation }).save(file);
          pictures.push((await Deno.readFile(file)).toBase64());
        }
      });
      const drawn = pictures[0] !== pictures[1], told = /font/.test(notes);
      return { came: drawn ? "drawn" : told ? "a warning names the fonts" : "blank", right: drawn || told };
    });
  },
  "report.html of a completion with NUL, ESC and U+202E": ({ showwork, tiny }) =>
    inFolder(async (folder) => {
      const model = tiny.tinyModel();
      const evaluation = await showwork.evaluate(model, tiny.problems.slice(0, 2), { maxTokens: 4 });
      for (const item of evaluation.items) item.completion = `<answer>\0\x1b[31m\u202e8</answer>`;
      const run = await showwork.sft(model, tiny.problems, { steps: 2, batchSize: 2, checkpoints: null });
      await showwork.exportRun(
        join(folder, "run"),
        { config: {}, runs: [run], evaluations: { base: evaluation } } as never,
      );
      model.dispose();
      const page = await Deno.readTextFile(join(folder, "run/report.html"));
      return { came: raw.test(page) ? "raw" : "visible", right: !raw.test(page) };
    }),
};
