import assert from "node:assert/strict";
import { join } from "node:path";

const script = decodeURIComponent(new URL("../../lib/tasks/make_environment.ts", import.meta.url).pathname);

/** Makes an environment in a fresh folder with the programs in `bin` as the whole path. */
async function makeEnvironment(bin: Record<string, string>) {
  const folder = await Deno.makeTempDir(), path = join(folder, "bin");
  try {
    await Deno.mkdir(path);
    for (const [name, script] of Object.entries(bin)) {
      await Deno.writeTextFile(join(path, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    const { code: status, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--no-check", script, join(folder, "venv")],
      env: { PATH: path, NO_COLOR: "1" },
    }).output();
    return { status, message: new TextDecoder().decode(stderr).replaceAll(folder, "FOLDER") };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const says = "a python that says 3.12";
const python = (venv: string) =>
  `case "$*" in *version_info*) echo 3.12;; *venv*) ${venv};; *) exit 1;; esac`;
const cases: [string, Record<string, string>, RegExp[]][] = [
  ["no python3", {}, [
    /^Making .*Python 3\.9 or later, but there is no `python3` on the path/,
    /apt-get install python3 python3-venv/,
  ]],
  ["a python3 that is too old", { python3: "echo 3.6" }, [/but `python3` is 3\.6/]],
  ["a python3 that does not run", { python3: "exit 127" }, [/but `python3` does not run/]],
  [
    `${says}, without venv`,
    { python3: python(`echo "ensurepip is not available" >&2; exit 1`) },
    [
      /`python3 -m venv` failed:\n {2}ensurepip is not available\n/,
      /neither virtualenv nor uv/,
      /apt-get install python3-venv/,
    ],
  ],
];

for (const [what, bin, expected] of cases) {
  Deno.test({
    name: `notebookEnvironment() with ${what} gives one message with the way out and no stack`,
    ignore: Deno.build.os === "windows",
    async fn() {
      const { status, message } = await makeEnvironment(bin);
      assert.equal(status, 1);
      for (const pattern of expected) assert.match(message, pattern);
      assert.doesNotMatch(message, /^\s+at /m);
    },
  });
}

Deno.test({
  name: "notebookEnvironment() shows pip's last lines when pip fails",
  ignore: Deno.build.os === "windows",
  async fn() {
    const made =
      `mkdir -p "$3/bin"; printf '#!/bin/sh\\ncase "$*" in *--version*) echo pip;; *pip*) echo "ERROR: No route to host"; exit 1;; *) echo 3.12;; esac' > "$3/bin/python"; chmod +x "$3/bin/python"`;
    const { status, message } = await makeEnvironment({
      python3: python(made),
      mkdir: 'exec /bin/mkdir "$@"',
      chmod: 'exec /bin/chmod "$@"',
    });
    assert.equal(status, 1);
    assert.match(
      message,
      /pip must be able to fetch packages, but it failed:\n {2}ERROR: No route to host\n/,
    );
    assert.match(message, /what was installed is kept/);
  },
});

/** What stands in for a program that makes the environment at its last argument. */
const makes =
  `for last; do :; done; mkdir -p "$last/bin"; printf '#!/bin/sh\\ncase "$*" in *pip*) echo pip;; *) echo 3.12;; esac' > "$last/bin/python"; chmod +x "$last/bin/python"`;
const tools = { mkdir: 'exec /bin/mkdir "$@"', chmod: 'exec /bin/chmod "$@"' };
const refuses = `echo "ensurepip is not available" >&2; exit 1`;
const helpers: [string, Record<string, string>, RegExp][] = [
  ["virtualenv", { virtualenv: makes, python3: python(refuses) }, /virtualenv made the environment/],
  ["uv", { uv: makes, python3: python(refuses) }, /uv made the environment/],
  [
    "pip that brings virtualenv",
    {
      python3:
        `case "$*" in *version_info*) echo 3.12;; *"pip install"*) exit 0;; *"-m virtualenv"*) [ -n "$PYTHONPATH" ] || exit 1; ${makes};; *) ${refuses};; esac`,
    },
    /pip brought virtualenv/,
  ],
];

for (const [what, bin, said] of helpers) {
  Deno.test({
    name: `notebookEnvironment() on a Python without venv makes do with ${what}`,
    ignore: Deno.build.os === "windows",
    async fn() {
      const { status, message } = await makeEnvironment({ ...tools, ...bin });
      assert.equal(status, 0, message);
      assert.match(message, said);
    },
  });
}
