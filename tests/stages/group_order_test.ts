import assert from "node:assert/strict";
import { groupOrder } from "../../lib/stages/group_order.ts";

Deno.test("groupOrder() goes from easy to hard and then by name, each name once", () => {
  assert.deepEqual(groupOrder(["science", "hard", "medium", "maths", "easy", "hard"]), [
    "easy",
    "medium",
    "hard",
    "maths",
    "science",
  ]);
});
