import assert from "node:assert/strict";
import { generateProblems } from "../../mod.ts";
import { checkGraph } from "../../lib/graph/check_graph.ts";
import { executeGraph } from "../../lib/graph/execute_graph.ts";
import { graphFromAnnotations } from "../../lib/graph/graph_from_annotations.ts";
import { problemGraph } from "../../lib/graph/problem_graph.ts";

Deno.test("graphFromAnnotations() refers to earlier results and ends in the reference", () => {
  const solution = "Natalia sold 48/2 = <<48/2=24>>24 clips in May.\nIn all 48+24 = <<48+24=72>>72 clips.";
  assert.deepEqual(graphFromAnnotations(solution, "72"), {
    graph: {
      nodes: [
        { id: "n1", op: "const", val: 48 },
        { id: "n2", op: "const", val: 2 },
        { id: "n3", op: "div", args: ["n1", "n2"] },
        { id: "n4", op: "add", args: ["n1", "n3"] },
        { id: "final_result", op: "identity", args: ["n4"] },
      ],
    },
  });
});

Deno.test("graphFromAnnotations() reads precedence, brackets, signs and decimals, and drops what is not needed", () => {
  const value = (solution: string, reference: string) => {
    const { graph } = graphFromAnnotations(solution, reference);
    assert.ok(graph, solution);
    return executeGraph(graph).answer;
  };
  assert.equal(value("<<2+3*4=14>>", "14"), 14);
  assert.equal(value("<<(2+3)*4=20>>", "20"), 20);
  assert.equal(value("<<10-4-3=3>>", "3"), 3);
  assert.equal(value("<<100/10/2=5>>", "$5"), 5);
  assert.equal(value("<<-5+8=3>>", "3"), 3);
  assert.equal(value("<<+30+46=76>>", "76"), 76);
  assert.equal(value("<<200*.5=100>> <<100*(1-.1)=90>>", "90"), 90);
  assert.equal(value("<<1000*12=12000>>", "12,000"), 12000);
  const { graph } = graphFromAnnotations("<<7*7=49>> <<2+3=5>> <<5+1=6>>", "5");
  assert.deepEqual(graph?.nodes.map(({ id, op }) => `${id} ${op}`), [
    "n1 const",
    "n2 const",
    "n3 add",
    "final_result identity",
  ]);
});

Deno.test("graphFromAnnotations() says why there is no graph", () => {
  const cases: [solution: string, reference: string, reason: string][] = [
    ["She has 8.", "8", "no calculator annotation"],
    ["<<5+3=8>>", "9", "no annotation gives the reference 9"],
    ["<<5+3=9>>", "9", "5+3=9 is wrong: 8"],
    ["<<50/60=0.83>>", "0.83", "50/60=0.83 is wrong: 0.8333333333333334"],
    ["<<5+3>>", "8", "cannot read 5+3"],
    ["<<5+=8>>", "8", "cannot read 5+"],
    ["<<5 3=8>>", "8", "cannot read 5 3"],
    ["<<(5+3=8>>", "8", "cannot read (5+3"],
    ["<<5+3)=8>>", "8", "cannot read 5+3)"],
    ["<<x+3=8>>", "8", "cannot read x+3"],
    ["<<180//3=60>>", "60", "cannot read 180//3"],
    ["<<5/0=8>>", "8", "div gives divides by 0"],
    ["<<5+3=8>>", "Paris", "the reference Paris is no number"],
    ["<<=8>>", "8", "cannot read "],
  ];
  for (const [solution, reference, reason] of cases) {
    assert.deepEqual(graphFromAnnotations(solution, reference), { graph: null, reason }, solution);
  }
});

Deno.test("problemGraph() turns every generated problem into a graph that executes to its answer", () => {
  for (const problem of generateProblems({ count: 500, seed: 3, distractors: 0.2 })) {
    const graph = problemGraph(problem);
    assert.ok(graph, problem.id);
    assert.deepEqual(checkGraph(graph), [], problem.id);
    assert.equal(executeGraph(graph).answer, Number(problem.answer), problem.id);
  }
  const [problem] = generateProblems({ count: 1 });
  const own = { nodes: [{ id: "final_result", op: "const", val: 3 }] };
  assert.deepEqual(problemGraph({ ...problem, graph: own }), own);
  for (const graph of [undefined, null, [], {}, { nodes: [] }, [null]]) {
    assert.equal(problemGraph({ ...problem, graph }), null);
  }
});

const shared = Deno.env.get("SHOWWORK_SHARED");

Deno.test({
  name: "graphFromAnnotations() converts GSM8K's training set",
  ignore: !shared,
  fn: async () => {
    const text = await Deno.readTextFile(`${shared}/datasets/gsm8k_train.jsonl`);
    const lines = text.trim().split("\n"), reasons: Record<string, number> = {};
    let converted = 0, most = 0;
    for (const line of lines) {
      const [solution, reference] = JSON.parse(line).answer.split("####");
      const conversion = graphFromAnnotations(solution, reference.trim());
      if (conversion.graph) {
        const expected = Number(reference.replaceAll(",", ""));
        assert.ok(Math.abs(executeGraph(conversion.graph).answer - expected) <= 1e-9 * Math.abs(expected));
        converted++;
        most = Math.max(most, conversion.graph.nodes.length);
      } else {
        const kind = conversion.reason.split(" ").slice(0, 3).join(" ").replace(/^.* is wrong:$/, "is wrong");
        reasons[kind] = (reasons[kind] ?? 0) + 1;
      }
    }
    console.log(
      `  ${converted} of ${lines.length} convert and execute to the reference; largest ${most} nodes; others: ${
        JSON.stringify(reasons)
      }`,
    );
    assert.equal(lines.length, 7473);
    assert.ok(converted >= 7000, String(converted));
  },
});
