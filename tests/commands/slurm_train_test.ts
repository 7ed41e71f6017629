import { match, ok, strictEqual } from "node:assert/strict";
import { ffn } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const TRAINING = [
  ...["--train_coords", "c.gz", "--data_volumes", "v:i.h5:d", "--label_volumes", "v:l.h5:d"],
  ...["--model_args", '{"depth": 2, "features": 4, "fov_size": [7, 7, 7], "deltas": [2, 2, 2]}'],
  ...["--image_mean", "128", "--image_stddev", "33", "--max_steps", "10"],
];

Deno.test("ffn slurm-train writes a script with all that the site gave, and the flags of the training", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(
    folder.of("site.yaml"),
    "partition: gpu\naccount: brain\nsetup: [module load deno]\nsbatch: [--exclusive]\n",
  );
  await Deno.writeTextFile(folder.of("train.json"), '{"learning_rate": 0.25}');
  const { code, stdout, stderr } = await ffn(
    ...["slurm-train", ...TRAINING, "--train_dir", folder.of("run"), "--script-only"],
    ...["--config", folder.of("train.json"), "--site", folder.of("site.yaml")],
    ...["--num_nodes", "3", "--gres", "gpu:4", "--constraint", "v100", "--t", "4:00:00"],
    ...["--exclude", "node[00-02]", "--num_ps", "2", "--ps_port", "2220"],
    ...["--worker_port_min", "2221", "--slurm_log_dir", folder.of("slurm_logs")],
    ...["--workers_per_node", "4,2,1", "--signal-seconds", "90", "--live", "8090"],
  );
  strictEqual(code, 0, stderr);
  const script = await Deno.readTextFile(stdout.trim());
  for (
    const line of [
      ...[
        "--job-name=ffn-train",
        "--array=0-0",
        `--output=${folder.of("slurm_logs")}/slurm_%A.log`,
      ],
      ...["--signal=B:USR1@90", "--partition=gpu", "--account=brain", "--constraint=v100"],
      ...["--gres=gpu:4", "--time=4:00:00", "--requeue", "--nodes=3", "--ntasks-per-node=1"],
      ...["--no-kill", "--exclude=node[00-02]", "--exclusive"],
    ]
  ) ok(script.includes(`#SBATCH ${line}\n`), line);
  match(script, /^module load deno$/m);
  const [task] = /^ {2}0\) set -- .*$/m.exec(script)!;
  for (
    const word of [
      ...["train --launch=slurm", "--learning-rate=0.25", "--num-ps=2", "--nats-port=2220"],
      ...[
        "--workers-per-node=4,2,1",
        "--live=8090",
        `--train-dir=${folder.of("run")}`,
        "--max-steps=10",
      ],
    ]
  ) ok(task.includes(` ${word} `), `${word} in ${task}`);
  ok(!/gres|num-nodes|config|partition/.test(task), task);
  match(stderr, /^--ps-port 2220 is taken as --nats-port 2220$/m);
  match(stderr, /^--worker-port-min has no effect: workers listen on no port$/m);
  match(stderr, /^--num-ps 2: each of 2 processes holds a part of the variables$/m);
});

Deno.test("ffn slurm-train refuses flags of a training that cannot run before it asks SLURM", async () => {
  await using folder = await temporaryFolder();
  const dir = ["--train_dir", folder.of("run")];
  const wrong = await ffn("slurm-train", ...TRAINING, ...dir, "--seed_pad", "1");
  strictEqual(wrong.code, 2);
  match(wrong.stderr, /--seed-pad 1: it must be a probability/);
  const without = await ffn("slurm-train", ...dir);
  match(without.stderr, /Cannot train without --model-args/);
});

Deno.test("ffn train says what is missing before it starts several processes", async () => {
  await using folder = await temporaryFolder();
  const own = ["train", ...TRAINING, "--train_dir", folder.of("run")];
  const server = await ffn(...own, "--workers", "2", "--nats-server", folder.of("nats"));
  strictEqual(server.code, 1);
  match(server.stderr, /no program ".*nats" there; get it with "apt-get install nats-server"/);
  const outside = await ffn(...own, "--launch", "slurm");
  strictEqual(outside.code, 2);
  match(outside.stderr, /outside of a SLURM job: use ffn slurm-train, or --workers N/);
  const ranks = await ffn(...own, "--ranks", "3-1", "--exchange", "e.json");
  match(ranks.stderr, /Cannot use --ranks "3-1": it must be A-B with A up to B/);
});
