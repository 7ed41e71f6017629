/** Against what SLURM 22.05.8 printed on a cluster of two nodes without accounting, and sacct's documented columns. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { followArray } from "../../engine/cluster/follow_array.ts";
import {
  endStates,
  type Execute,
  execute,
  queuedTasks,
  submit,
} from "../../engine/cluster/slurm.ts";

const answer = (stdout: string, code = 0, stderr = "") => ({ code, stdout, stderr });
const always = (reply: ReturnType<typeof answer>): Execute => () => Promise.resolve(reply);
const GONE = answer("", 1, "slurm_load_jobs error: Invalid job id specified\n");
const NO_ACCOUNTING = answer("", 1, "Slurm accounting storage is disabled\n");
const JOB = (task: number, state: string, exit = "0:0") =>
  `JobId=${
    3 + task
  } ArrayJobId=3 ArrayTaskId=${task} JobName=j.sh UserId=root(0) GroupId=root(0) MCS_label=N/A ` +
  `Priority=4294901758 Nice=0 Account=(null) QOS=(null) JobState=${state} Reason=None Dependency=(null) Requeue=1 ` +
  `Restarts=0 BatchFlag=1 Reboot=0 ExitCode=${exit} RunTime=00:00:01 TimeLimit=365-00:00:00\n`;

Deno.test("submit() reads the id of the job, with a cluster's name or without", async () => {
  const asked: (readonly string[])[] = [];
  const run: Execute = (_, args) => {
    asked.push(args);
    return Promise.resolve(answer("1234;tiger\n"));
  };
  strictEqual(await submit("run.sh", run, { tasks: [0, 3], maxRunning: 8 }), "1234");
  deepStrictEqual(asked, [["--parsable", "--array=0,3%8", "run.sh"]]);
  strictEqual(await submit("run.sh", always(answer("77\n")), { tasks: [0] }), "77");
  const refused = always(
    answer(
      "",
      1,
      "sbatch: error: invalid partition specified: gpu\nsbatch: error: Batch job submission failed\n",
    ),
  );
  await rejects(
    submit("run.sh", refused, { tasks: [0] }),
    /Cannot submit "run.sh": sbatch says: sbatch: error: invalid partition/,
  );
  await rejects(execute("no-such-program-here", []), /run this where SLURM is installed/);
});

Deno.test("queuedTasks() reads squeue, and tells an ended job from a controller that is silent", async () => {
  const listing = "1_1|RUNNING|None\n1_0|PENDING|BeginTime\n1_12|COMPLETING|NonZeroExitCode\n";
  deepStrictEqual(await queuedTasks("1", always(answer(listing))), [
    { index: 1, state: "RUNNING", reason: "None" },
    { index: 0, state: "PENDING", reason: "BeginTime" },
    { index: 12, state: "COMPLETING", reason: "NonZeroExitCode" },
  ]);
  deepStrictEqual(await queuedTasks("1", always(GONE)), []);
  const silent = answer(
    "",
    1,
    "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n",
  );
  strictEqual(await queuedTasks("1", always(silent)), null);
});

Deno.test("endStates() reads sacct, or the controller where there is no accounting", async () => {
  const sacct =
    "3_0|COMPLETED|0:0\n3_1|FAILED|1:0\n3_2|CANCELLED by 1000|0:0\n3_3|TIMEOUT|0:0\n3_[4-7]|PENDING|0:0\n";
  deepStrictEqual(
    [...await endStates("3", always(answer(sacct)))],
    [[0, "COMPLETED"], [1, "FAILED 1:0"], [2, "CANCELLED"], [3, "TIMEOUT"]],
  );
  const run: Execute = (program) =>
    Promise.resolve(
      program === "sacct" ? NO_ACCOUNTING : answer(JOB(1, "COMPLETED") + JOB(0, "FAILED", "0:9")),
    );
  deepStrictEqual([...await endStates("3", run)], [[1, "COMPLETED"], [0, "FAILED 0:9"]]);
});

/** A cluster that plays listings of squeue one after the other, and gives out job ids. */
function cluster(listings: string[], controller = "") {
  const submitted: string[] = [];
  const run: Execute = (program, args) => {
    if (program === "sbatch") return Promise.resolve(answer(`${9 + submitted.push(args[1])}\n`));
    if (program === "squeue") {
      const listing = listings.shift();
      return Promise.resolve(listing === undefined ? GONE : answer(listing));
    }
    return Promise.resolve(program === "sacct" ? NO_ACCOUNTING : answer(controller));
  };
  return { run, submitted };
}

const signal = new AbortController().signal;

Deno.test("followArray() waits, submits again what is not done, and says why", async () => {
  const { run, submitted } = cluster(
    [
      "10_0|RUNNING|None\n10_1|PENDING|Resources\n",
      "10_1|RUNNING|None\n",
      "",
      "11_1|RUNNING|None\n",
      "",
    ],
    JOB(0, "COMPLETED") + JOB(1, "NODE_FAIL"),
  );
  const left = [[0, 1], [1], []];
  const notes: string[] = [];
  const jobs: string[] = [];
  await followArray({
    ...{ script: "run.sh", maxResubmits: 1, pollMs: 1, signal, run },
    unfinished: () => Promise.resolve(left.shift()!),
    onSubmit: (job) => Promise.resolve(void jobs.push(job)),
    note: (line) => notes.push(line),
  });
  deepStrictEqual(submitted, ["--array=0,1", "--array=1"]);
  deepStrictEqual(jobs, ["10", "11"]);
  deepStrictEqual(notes, [
    "job 10: 2 tasks submitted",
    "job 10: 1 running, 1 waiting (Resources)",
    "job 10: 1 running",
    "task 1 is not done: NODE_FAIL",
    "job 11: 1 tasks submitted again",
    "job 11: 1 running",
  ]);
});

Deno.test("followArray() cancels tasks that SLURM holds back once the others have done their work", async () => {
  const held = "10_1|PENDING|launch failed requeued held\n";
  const { run } = cluster([`10_0|RUNNING|None\n${held}`, held, held, held]);
  const cancelled: (readonly string[])[] = [];
  const left = [[0, 1], []];
  await followArray({
    ...{ script: "run.sh", maxResubmits: 1, pollMs: 1, signal, note: () => {} },
    unfinished: () => Promise.resolve(left.shift() ?? []),
    run(program, args) {
      if (program === "scancel") cancelled.push(args);
      return run(program, args);
    },
  });
  deepStrictEqual(cancelled, [["10"]]);
});

Deno.test("followArray() waits for tasks that SLURM holds back while there is work for them", async () => {
  const held = "10_1|PENDING|JobHeldUser\n";
  const { run } = cluster([held, held, ""]);
  const left = [[1], [1], []];
  await followArray({
    ...{ script: "run.sh", maxResubmits: 1, pollMs: 1, signal, note: () => {} },
    unfinished: () => Promise.resolve(left.shift()!),
    run(program, args) {
      ok(program !== "scancel");
      return run(program, args);
    },
  });
});

Deno.test("followArray() goes on with a job that runs, and gives up where nothing helps", async () => {
  const follow = (listings: string[], left: number[][], controller: string, job?: string) => {
    const { run, submitted } = cluster(listings, controller);
    const ended = followArray({
      ...{ script: "run.sh", job, maxResubmits: 1, pollMs: 1, signal, run, note: () => {} },
      unfinished: () => Promise.resolve(left.shift() ?? [2]),
    });
    return { ended, submitted };
  };
  const running = follow(["5_0|RUNNING|None\n", "5_0|RUNNING|None\n", ""], [[]], "", "5");
  await running.ended;
  deepStrictEqual(running.submitted, []);
  const over = follow([""], [[2], []], "", "5");
  await over.ended;
  deepStrictEqual(over.submitted, ["--array=2"]);
  const hopeless = follow([], [], "");
  await rejects(
    hopeless.ended,
    /Cannot finish the work of "run.sh": 1 tasks are not done after 2 submissions, the first is 2/,
  );
  strictEqual(hopeless.submitted.length, 2);
  const cancelled = follow([], [], JOB(2, "CANCELLED"));
  await rejects(cancelled.ended, /job 10 was cancelled/);
  ok(cancelled.submitted.length === 1);
});
