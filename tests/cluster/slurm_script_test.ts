import { ok, strictEqual } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { type SlurmArray, slurmScript } from "../../engine/cluster/slurm_script.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const ARRAY: SlurmArray = {
  name: "ffn-inference",
  program: ["deno", "run", "-A", "cli.ts"],
  tasks: [["run-batch-inference", "--shard=0/2"], ["it's", "a box { x: 1 }", "$HOME"]],
  maxRunning: 4,
  log: "logs/%A_%a.log",
  signalSeconds: 90,
  site: {
    partition: "gpu",
    gres: "gpu:1",
    time: "4:00:00",
    sbatch: ["--exclude=n7"],
    setup: ["module load deno"],
  },
};

Deno.test("slurmScript() writes what the site gave and nothing else, and quotes every word", () => {
  strictEqual(
    slurmScript(ARRAY),
    `#!/bin/bash
#SBATCH --job-name=ffn-inference
#SBATCH --array=0-1%4
#SBATCH --output=logs/%A_%a.log
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@90
#SBATCH --partition=gpu
#SBATCH --gres=gpu:1
#SBATCH --time=4:00:00
#SBATCH --requeue
#SBATCH --exclude=n7

module load deno

case "$SLURM_ARRAY_TASK_ID" in
  0) set -- run-batch-inference --shard=0/2 ;;
  1) set -- 'it'\\''s' 'a box { x: 1 }' '$HOME' ;;
esac

requeue=
deno run -A cli.ts "$@" &
worker=$!
trap 'requeue=1; kill -TERM "$worker"' USR1
trap : TERM
# A signal ends wait before the worker has ended.
while wait "$worker"; status=$?; kill -0 "$worker" 2>/dev/null; do :; done
if [ -n "$requeue" ] && [ "$status" -ne 0 ]; then
  # Not $SLURM_JOB_ID: one task's is the number of the array, and asks for all of it.
  scontrol requeue "\${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$status"
`,
  );
});

/** Runs the script in bash; the worker is `body`, and scontrol notes what it was asked. */
async function runScript(body: string, task: number, signal?: Deno.Signal) {
  await using folder = await temporaryFolder();
  await Deno.mkdir(folder.of("bin"));
  const put = async (name: string, text: string) =>
    await Deno.writeTextFile(folder.of(name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  await put("bin/scontrol", `echo "$@" >> ${folder.of("asked")}`);
  await put("worker", body);
  await put(
    "job",
    slurmScript({ ...ARRAY, program: [folder.of("worker")], site: { sbatch: [], setup: [] } }),
  );
  const env = {
    PATH: `${folder.of("bin")}:${Deno.env.get("PATH")}`,
    SLURM_ARRAY_TASK_ID: `${task}`,
    // SLURM gives the last task of an array that starts the number of the array itself.
    SLURM_JOB_ID: "77",
    SLURM_ARRAY_JOB_ID: "77",
    OUT: folder.of("out"),
  };
  const child = new Deno.Command("bash", { args: [folder.of("job")], env, stderr: "null" }).spawn();
  if (signal !== undefined) {
    while (!await Deno.stat(folder.of("out")).catch(() => null)) await setTimeout(10);
    // The shell sets its traps right after it has started the worker.
    await setTimeout(300);
    child.kill(signal);
  }
  const { code } = await child.status;
  const read = (name: string) => Deno.readTextFile(folder.of(name)).catch(() => "");
  return { code, out: await read("out"), asked: await read("asked") };
}

Deno.test("slurmScript() hands a task its words and its worker's exit code", async () => {
  const { code, out, asked } = await runScript(`printf '%s\\n' "$@" > "$OUT"; exit 7`, 1);
  strictEqual(code, 7);
  strictEqual(out, "it's\na box { x: 1 }\n$HOME\n");
  strictEqual(asked, "");
});

const PATIENT = (code: number) =>
  `trap 'sleep 0.2; echo saved >> "$OUT"; exit ${code}' TERM; echo begun > "$OUT"; while :; do sleep 0.05; done`;

Deno.test("slurmScript() has the worker save before the time limit, then requeues the task", async () => {
  const stopped = await runScript(PATIENT(143), 0, "SIGUSR1");
  strictEqual(stopped.out, "begun\nsaved\n");
  strictEqual(stopped.asked, "requeue 77_0\n");
  // Done just in time.
  const finished = await runScript(PATIENT(0), 0, "SIGUSR1");
  strictEqual(finished.asked, "");
  ok(finished.code === 0);
});
