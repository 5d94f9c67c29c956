import { basename, join } from "node:path";
import { modelCard } from "../models/model_card.ts";
import { loadRun } from "./load_run.ts";
import { runCard } from "./run_card.ts";

/** A file as the hub gets it. */
export interface HubFile {
  /** In the repository. */
  path: string;
  /** Its size. */
  bytes: number;
  /** The file on this machine, or a text made for the hub. */
  from: { file: string } | { text: string };
}

/** What of an export goes to the hub beside the weights; all of it below `run/`, the card links to it. */
const shared =
  /^(report\.html|final_results\.json|metrics\.jsonl|completions\.jsonl|config\.yaml|plots\/[^/]+\.png)$/;

const hubId = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;

/**
 * What an export is on the hub: weights, tokenizer and card on top, so that `transformers` and PEFT load the repository by its name;
 * report, results, completions and figures below `run/`, linked from the card. A path of this machine does not become the name of the
 * base model.
 *
 * @throws {RangeError} when the export holds neither an adapter nor a model
 * @example
 * ```ts ignore
 * const { files, notes } = await hubFiles("results/demo", { repo: "me/demo" });
 * ```
 */
export async function hubFiles(
  dir: string,
  { repo, baseModel }: { repo: string; baseModel?: string },
): Promise<{ files: HubFile[]; notes: string[]; title: string }> {
  const { results, config, runs, evaluations } = await loadRun(dir), notes: string[] = [];
  const kind = (["adapter", "model"] as const).find((kind) =>
    results.files.some((file) => file.startsWith(`${kind}/`))
  );
  if (!kind) {
    throw new RangeError(
      `preparing ${dir} for the hub: it must hold an adapter or a model, got results alone; export with { model }`,
    );
  }
  const weights = results.files.filter((file) => file.startsWith(`${kind}/`)),
    beside = results.files.filter((file) => shared.test(file));
  const files: HubFile[] = [];
  const add = (path: string, text: string) =>
    files.push({ path, bytes: new TextEncoder().encode(text).length, from: { text } });
  const trainedFrom = sourceOf(config),
    base = baseModel ?? (hubId.test(trainedFrom) ? trainedFrom : undefined);
  if (!base) {
    notes.push(
      `The base model is a folder of this machine, and is called ${basename(trainedFrom) || "unnamed"}${
        kind === "adapter" ? ": others cannot load the adapter" : ""
      } in what is sent; name its place on the hub with { baseModel: "owner/name" }.`,
    );
  }
  const named = base ?? (basename(trainedFrom) || "unnamed");
  for (const name of weights) {
    const path = name.slice(kind.length + 1), file = join(dir, name);
    if (path === "README.md") continue;
    if (path !== "adapter_config.json") {
      files.push({ path, bytes: (await Deno.stat(file)).size, from: { file } });
      continue;
    }
    const adapter = JSON.parse(await Deno.readTextFile(file));
    add(path, `${JSON.stringify({ ...adapter, base_model_name_or_path: named }, null, 2)}\n`);
  }
  for (const name of beside) {
    const file = join(dir, name);
    files.push({ path: `run/${name}`, bytes: (await Deno.stat(file)).size, from: { file } });
  }
  const written = kind === "adapter" ? await Deno.readTextFile(join(dir, "adapter", "README.md")) : null;
  const card = written === null
    ? modelCard({ title: basename(repo), ...runCard({ config, runs, evaluations }), kind, baseModel: named })
    : renamed(written, { from: trainedFrom, to: named });
  add("README.md", `${card.trimEnd()}\n${attachments(beside)}`);
  return {
    files: files.sort((a, b) => a.path < b.path ? -1 : 1),
    notes,
    title: results.title ?? basename(dir),
  };
}

/** What the configuration trained: a hub id or a path. */
function sourceOf(config: unknown): string {
  const { model } = (config ?? {}) as { model?: unknown };
  const path = typeof model === "string" ? model : (model as { path?: unknown } | undefined)?.path;
  return typeof path === "string" ? path.replaceAll("\\", "/") : "";
}

/** A card that names the base by `to`, in its front matter and its text. */
function renamed(card: string, { from, to }: { from: string; to: string }): string {
  const base = /^base_model: (.+)$/m.exec(card)?.[1] ?? from;
  return card.replace(/^base_model: .+$/m, `base_model: ${to}`).replaceAll(`\`${base}\``, `\`${to}\``);
}

/** The card's last section: curves as a picture, and links. */
function attachments(names: string[]): string {
  const links = names.filter((name) => !name.startsWith("plots/")).map((name) => `[${name}](run/${name})`);
  const curves = names.includes("plots/learning_curves.png")
    ? ["![Learning curves](run/plots/learning_curves.png)", ""]
    : [];
  return ["", "## The run", "", ...curves, `${links.join(" · ")}; the report opens without a network.`, ""]
    .join(
      "\n",
    );
}
