import type { RewardResult } from "../rewards/reward.ts";

/** Upper ends of the buckets of the request histogram, in seconds. */
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const escaped = (text: string) =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

/** What a reward server has done, as Prometheus reads it (text format 0.0.4). */
export class RewardMetrics {
  readonly #requests = new Map<string, number>();
  readonly #components = new Map<string, { sum: number; count: number }>();
  readonly #failures = new Map<string, number>();
  readonly #counts = buckets.map(() => 0);
  #seconds = 0;
  #timed = 0;
  #samples = 0;

  /** A request that was answered. */
  answered(path: string, status: number, seconds: number): void {
    const labels = `path="${escaped(path)}",status="${status}"`;
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
    this.#seconds += seconds;
    this.#timed++;
    buckets.forEach((end, i) => this.#counts[i] += seconds <= end ? 1 : 0);
  }

  /** Completions that were scored. */
  scored(results: readonly RewardResult[]): void {
    this.#samples += results.length;
    for (const { components } of results) {
      for (const [name, { score, error }] of Object.entries(components)) {
        const labels = `component="${escaped(name)}"`,
          held = this.#components.get(labels) ?? { sum: 0, count: 0 };
        if (score !== null) this.#components.set(labels, { sum: held.sum + score, count: held.count + 1 });
        if (error !== undefined) this.#failures.set(labels, (this.#failures.get(labels) ?? 0) + 1);
      }
    }
  }

  /** Completions scored so far. */
  get samples(): number {
    return this.#samples;
  }

  /** The whole page. */
  text(now: { step: number; inFlight: number }): string {
    const family = (name: string, kind: string, help: string, lines: [labels: string, value: number][]) =>
      [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`].concat(
        lines.map(([labels, value]) => `${name}${labels && `{${labels}}`} ${value}`),
      );
    const seconds = "showwork_reward_request_seconds";
    return [
      ...family("showwork_reward_requests_total", "counter", "Requests by path and status.", [
        ...this.#requests,
      ]),
      ...family("showwork_reward_samples_total", "counter", "Completions scored.", [["", this.#samples]]),
      ...family("showwork_reward_samples_in_flight", "gauge", "Completions being scored.", [[
        "",
        now.inFlight,
      ]]),
      ...family("showwork_reward_step", "gauge", "The step that the weights are annealed to.", [[
        "",
        now.step,
      ]]),
      ...family(
        "showwork_reward_component_sum",
        "counter",
        "Sum of a component's raw scores.",
        [...this.#components].map(([labels, { sum }]) => [labels, sum]),
      ),
      ...family(
        "showwork_reward_component_count",
        "counter",
        "How often a component judged.",
        [...this.#components].map(([labels, { count }]) => [labels, count]),
      ),
      ...family("showwork_reward_failures_total", "counter", "How often a component failed.", [
        ...this.#failures,
      ]),
      `# HELP ${seconds} Seconds from a request to its answer.`,
      `# TYPE ${seconds} histogram`,
      ...buckets.map((end, i) => `${seconds}_bucket{le="${end}"} ${this.#counts[i]}`),
      `${seconds}_bucket{le="+Inf"} ${this.#timed}`,
      `${seconds}_sum ${this.#seconds}`,
      `${seconds}_count ${this.#timed}`,
      "",
    ].join("\n");
  }
}
