import { deepStrictEqual, rejects, throws } from "node:assert/strict";
import { allocatedNodes, ranksOf, srunOn } from "../../engine/cluster/slurm_allocation.ts";
import type { Execute } from "../../engine/cluster/slurm.ts";

/** SLURM as it answers in a job on two nodes with two cards, and one. */
const recorded: Execute = (program, args) => {
  const answers: Record<string, string> = {
    "scontrol show hostnames": "n1\nn4\n",
    "scontrol --oneliner show":
      "NodeName=n4 Arch=x86_64 NodeAddr=10.0.0.4 NodeHostName=n4\nNodeName=n1 Arch=x86_64 NodeAddr=10.0.0.1 NodeHostName=n1\n",
    "srun --overlap --no-kill": "n4||GPU-8f,\nn1|2|0,1\n",
  };
  const stdout = answers[`${program} ${args.slice(0, 2).join(" ")}`];
  return Promise.resolve({
    code: stdout === undefined ? 1 : 0,
    stdout: stdout ?? "",
    stderr: "no such job",
  });
};

Deno.test("allocatedNodes() gives nodes in SLURM's order, each with its own number of cards", async () => {
  deepStrictEqual(await allocatedNodes(recorded, () => "n[1,4]"), [
    { name: "n1", address: "10.0.0.1", gpus: 2 },
    { name: "n4", address: "10.0.0.4", gpus: 1 },
  ]);
  await rejects(allocatedNodes(recorded, () => undefined), {
    name: "UsageError",
    message: /outside of a SLURM job: use ffn slurm-train, or --workers N/,
  });
  const failing: Execute = () => Promise.resolve({ code: 1, stdout: "", stderr: "it is down\n" });
  await rejects(allocatedNodes(failing, () => "n1"), /scontrol show says: it is down/);
});

Deno.test("ranksOf() numbers workers over nodes with unequal counts", () => {
  const nodes = [3, 0, 2].map((gpus, i) => ({ name: `n${i}`, address: `n${i}`, gpus }));
  deepStrictEqual(ranksOf(nodes), [
    { first: 0, count: 3 },
    { first: 3, count: 1 },
    { first: 4, count: 2 },
  ]);
  deepStrictEqual(ranksOf(nodes, "2").map(({ first }) => first), [0, 2, 4]);
  deepStrictEqual(ranksOf(nodes, "1,0,4").map(({ first, count }) => [first, count]), [
    ...[[0, 1], [1, 0], [1, 4]],
  ]);
  for (const wrong of ["1,2", "0,1,1", "x", "1,1,-1", ""]) {
    throws(() => ranksOf(nodes, wrong), /--workers-per-node/, wrong);
  }
});

Deno.test("srunOn() names its node and survives the loss of others", () => {
  const words = srunOn({ name: "n7", address: "10.0.0.7", gpus: 4 });
  for (const word of ["--overlap", "--no-kill", "--nodelist=n7", "--ntasks=1"]) {
    deepStrictEqual(words.includes(word), true, word);
  }
});
