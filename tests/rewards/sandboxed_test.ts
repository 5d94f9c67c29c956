import assert from "node:assert/strict";
import { join } from "node:path";
import { compositeReward } from "../../mod.ts";
import type { RewardFunction, RewardSample } from "../../lib/rewards/reward.ts";
import { sandboxed, type SandboxedOptions } from "../../lib/rewards/sandboxed.ts";
import { sampleOf } from "./reward_sample.ts";

async function inSandbox(
  reward: RewardFunction | string | URL,
  work: (reward: ReturnType<typeof sandboxed>) => Promise<void>,
  options: SandboxedOptions = {},
) {
  await using careful = sandboxed(reward, options);
  await work(careful);
}

/** Does what the completion says. */
const moody: RewardFunction = ({ completion, problem }) => {
  if (completion === "hang") { while (true); }
  if (completion === "never") return new Promise(() => {});
  if (completion === "throw") throw new Error("broken");
  if (completion === "throw a text") throw "broken";
  if (completion === "NaN") return NaN;
  if (completion === "text") return "1" as never;
  if (completion === "print") console.log("not a score");
  if (completion === "exit") Deno.exit(3);
  return completion === "unsure" ? null : completion.length + Number(problem.answer);
};

Deno.test("sandboxed() scores as the function does, and its errors are the function's", async () => {
  await inSandbox(moody, async (reward) => {
    assert.equal(reward.name, "moody");
    const cases: [completion: string, expected: number | null | RegExp][] = [
      ["abc", 11],
      ["unsure", null],
      ['ক\n\u2028"', 12],
      ["throw", /^Error: broken$/],
      ["throw a text", /^Error: threw broken$/],
      ["NaN", /returned NaN; a reward is a finite number, or null/],
      ["text", /returned "1"/],
      ["print", 13],
    ];
    for (const [completion, expected] of cases) {
      const got = reward(sampleOf(completion));
      if (expected instanceof RegExp) await assert.rejects(got, expected);
      else assert.equal(await got, expected, completion);
    }
    assert.equal(reward.started, 1, "none of these costs the process");
  });
});

Deno.test("sandboxed() stops a reward that hangs, and the next score starts anew", async () => {
  await inSandbox(moody, async (reward) => {
    assert.equal(await reward(sampleOf("ab")), 10);
    await assert.rejects(reward(sampleOf("hang")), /timed out after 300 ms; its process was stopped/);
    assert.equal(await reward(sampleOf("ab")), 10);
    await assert.rejects(reward(sampleOf("never")), /timed out after 300 ms/);
    await assert.rejects(reward(sampleOf("exit")), /timed out after 300 ms/);
    assert.equal(await reward(sampleOf("abc")), 11);
    assert.equal(reward.started, 4);
  }, { timeoutMs: 300 });
});

Deno.test("sandboxed() ends a reward that takes more memory than it may", async () => {
  const greedy: RewardFunction = () => {
    const all: unknown[] = [];
    while (true) all.push(new Array(1e5).fill(Math.random()));
  };
  await inSandbox(greedy, async (reward) => {
    await assert.rejects(reward(sampleOf("a")), /its process ended with .*out of memory/);
  }, { memoryMb: 32, timeoutMs: 20_000 });
});

Deno.test("compositeReward() counts a sandboxed time-out and goes on", async () => {
  await inSandbox(moody, async (careful) => {
    const reward = compositeReward({
      components: { formatCompliance: { weight: 1 }, careful: { weight: 0.1, reward: careful } },
      // Shorter than the queue in front of the last sample: a sandbox bounds its own time.
      timeoutMs: 1,
    });
    const results = await reward.score(["hang", "ab", "throw", "hang", "abc"].map((text) => sampleOf(text)));
    assert.deepEqual(results.map(({ components }) => components.careful.score), [null, 10, null, null, 11]);
    assert.deepEqual(results.map(({ total }) => total.toFixed(6)), [
      "0.000000",
      "1.000000",
      "0.000000",
      "0.000000",
      "1.100000",
    ]);
    assert.deepEqual(reward.failures, {
      careful: { "timed out after 300 ms; its process was stopped": 2, broken: 1 },
    });
  }, { timeoutMs: 300 });
});

Deno.test("sandboxed() runs a module with its own imports and a named export", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(folder, "table.ts"), "export const points: number = 7;\n");
    await Deno.writeTextFile(
      join(folder, "reward.ts"),
      'import { points } from "./table.ts";\n' +
        "export default ({ completion }: { completion: string }) => completion.length + points;\n" +
        "export const other = async () => await Promise.resolve(0.5);\nexport const none = 3;\n",
    );
    const path = join(folder, "reward.ts");
    await inSandbox(path, async (reward) => assert.equal(await reward(sampleOf("ab")), 9));
    await inSandbox(path, async (reward) => assert.equal(await reward(sampleOf("ab")), 0.5), {
      export: "other",
    });
    await inSandbox(path, async (reward) => {
      await assert.rejects(reward(sampleOf("ab")), /could not be loaded: TypeError: .*export none/);
      await assert.rejects(reward(sampleOf("ab")), /could not be loaded/);
      assert.equal(reward.started, 1, "what cannot be loaded is not tried again");
    }, { export: "none" });
    await inSandbox(join(folder, "missing.ts"), async (reward) => {
      await assert.rejects(reward(sampleOf("ab")), /could not be loaded: TypeError: Module not found/);
    });
    await Deno.writeTextFile(path, "while (true);\n");
    await inSandbox(path, async (reward) => {
      await assert.rejects(reward(sampleOf("ab")), /did not load within 1500 ms/);
    }, { startMs: 1500 });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("sandboxed() takes methods, and refuses functions without a text and limits without sense", async () => {
  const object = {
    reward({ completion }: RewardSample) {
      return completion.length;
    },
    async later({ completion }: RewardSample) {
      return await Promise.resolve(completion.length * 2);
    },
  };
  await inSandbox(object.reward, async (reward) => assert.equal(await reward(sampleOf("ab")), 2));
  await inSandbox(object.later, async (reward) => assert.equal(await reward(sampleOf("ab")), 4));
  assert.throws(() => sandboxed(object.reward.bind(object)), /bound or built in.*arrow function/s);
  assert.throws(() => sandboxed(moody, { timeoutMs: 0 }), /timeoutMs of at least 1, got 0/);
  const outside = 3;
  await inSandbox(() => outside, async (reward) => {
    await assert.rejects(reward(sampleOf("ab")), /outside is not defined/);
  });
  await inSandbox(() => Number(Deno.env.get("HOME") !== undefined), async (reward) => {
    await assert.rejects(reward(sampleOf("ab")), /Requires env access/, "a function may do nothing outside");
  });
});

Deno.test("sandboxed() keeps no process alive, and leaves none behind", async () => {
  const folder = await Deno.makeTempDir(), script = join(folder, "main.ts"), pid = join(folder, "pid");
  const library = new URL("../../lib/rewards/sandboxed.ts", import.meta.url).href;
  const run = async (ending: string) => {
    await Deno.writeTextFile(
      script,
      `import { sandboxed } from ${JSON.stringify(library)};
       const reward = sandboxed(({ completion }) => {
         Deno.writeTextFileSync(completion, String(Deno.ppid) + " " + Deno.pid);
         if (completion.endsWith("hang")) while (true);
         return 1;
       }, { permissions: ["-A"], timeoutMs: 60_000 });
       const score = reward({ completion: ${JSON.stringify(pid)} + ${JSON.stringify(ending)} });
       ${
        ending === ""
          ? "console.log(await score);"
          : "while (true) { try { Deno.statSync(" + JSON.stringify(pid + ending) +
            "); break; } catch { await new Promise((resolve) => setTimeout(resolve, 20)); } }\n await new Promise((resolve) => setTimeout(resolve, 200)); Deno.kill(Deno.pid, 'SIGKILL');"
      }`,
    );
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-config", "--no-lock", script],
      stdout: "piped",
      stderr: "null",
    }).output();
    const child = Number((await Deno.readTextFile(pid + ending)).split(" ")[1]);
    return { code, said: new TextDecoder().decode(stdout).trim(), child };
  };
  const gone = async (child: number) => {
    for (let i = 0; i < 250; i++) {
      try {
        Deno.kill(child, "SIGCONT");
      } catch {
        return true;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return false;
  };
  try {
    const ended = await run("");
    assert.deepEqual([ended.code, ended.said], [0, "1"], "the idle sandbox does not keep it alive");
    assert.ok(await gone(ended.child));
    const killed = await run("-hang");
    assert.notEqual(killed.code, 0);
    assert.ok(await gone(killed.child), "a sandbox that hangs ends with the process that was killed");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
