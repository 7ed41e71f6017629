/** Ctrl-C and SIGTERM in a real process: the run is saved, and the same command goes on with it. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { flagOf } from "../../engine/commands/command.ts";
import { loadSegmentation } from "../../engine/segmentation/load_segmentation.ts";
import { loadNewest } from "../../engine/training/checkpoint_store.ts";
import { flags, prepared } from "../support/training_run.ts";
import { type TinyRun, tinyRun } from "../support/tiny_run.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));
const ENGINE = new URL("../../engine/commands", import.meta.url).href;
/** Some seconds of work. */
const SIZE = [64, 64, 96] as const;

interface Started {
  readonly child: Deno.ChildProcess;
  /** Waits until a text occurs on standard error. */
  said(text: string): Promise<void>;
  /** Everything after it has ended. */
  end(): Promise<{ code: number; stdout: string; stderr: string }>;
}

function start(run: TinyRun, output: string, kernelProcess: "on" | "off" = "off"): Started {
  const request = run.request({ output: `segmentation_output_dir: "${run.of(output)}"` });
  return watch([
    ...["run", "-A", CLI, "run-inference", "--inference-request", request],
    ...["--backend", "wasm", "--threads", "1", "--kernel-process", kernelProcess],
  ]);
}

function watch(args: string[]): Started {
  const child = new Deno.Command(Deno.execPath(), {
    args,
    stdout: "piped",
    stderr: "piped",
    // A process group of its own, which a test can signal as a terminal does.
    detached: true,
  }).spawn();
  const stdout = new Response(child.stdout).text();
  let stderr = "";
  const news = new EventTarget();
  const reading = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      stderr += text;
      news.dispatchEvent(new Event("text"));
    }
    news.dispatchEvent(new Event("text"));
  })();
  return {
    child,
    said: (text) =>
      new Promise((resolve) => {
        const look = () => stderr.includes(text) && resolve();
        news.addEventListener("text", look);
        look();
      }),
    async end() {
      const { code } = await child.status;
      await reading;
      return { code, stdout: await stdout, stderr };
    },
  };
}

/** Lets a run get into its flood. */
async function intoTheFlood(started: Started): Promise<void> {
  await started.said("Network:");
  await new Promise((resolve) => setTimeout(resolve, 500));
}

async function resultOf(run: TinyRun, output: string) {
  const { labels, origins } = await loadSegmentation(run.of(output), [0, 0, 0], { splitCc: false });
  return {
    labels,
    origins: [...origins].map(([id, { startZyx, iters }]) => [id, startZyx, iters]),
  };
}

Deno.test("ffn run-inference saves the run on SIGINT and SIGTERM and goes on with it", async () => {
  await using run = await tinyRun(SIZE);
  const whole = await start(run, "whole").end();
  strictEqual(whole.code, 0, whole.stderr);
  const expected = await resultOf(run, "whole");
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const first = start(run, signal);
    await intoTheFlood(first);
    first.child.kill(signal);
    const stopped = await first.end();
    strictEqual(stopped.code, code, stopped.stderr);
    match(stopped.stderr, /Saved ".*seg-0_0_0\.cpoint"; the same command goes on from there\n/);
    match(stopped.stderr, new RegExp(`ffn run-inference: Stopped by ${signal}\n$`));
    strictEqual(stopped.stdout, "");
    const left = [...Deno.readDirSync(run.of(signal, "0", "0"))].map(({ name }) => name);
    deepStrictEqual(left, ["seg-0_0_0.cpoint"]);

    const resumed = await start(run, signal).end();
    strictEqual(resumed.code, 0, resumed.stderr);
    match(resumed.stderr, /Going on from ".*seg-0_0_0\.cpoint"/);
    deepStrictEqual(await resultOf(run, signal), expected);
  }
});

Deno.test("ffn run-inference saves the run when a terminal also stops its kernel process", async () => {
  await using run = await tinyRun(SIZE);
  const started = start(run, "interrupted", "on");
  await intoTheFlood(started);
  // What Ctrl-C does: every process of the group gets the signal.
  Deno.kill(-started.child.pid, "SIGINT");
  const { code, stderr } = await started.end();
  strictEqual(code, 130, stderr);
  ok((await Deno.stat(run.of("interrupted", "0", "0", "seg-0_0_0.cpoint"))).isFile);
});

Deno.test("ffn train saves its last step when a terminal also signals its kernel process", async () => {
  await using folder = await prepared();
  const values = { ...flags(folder), maxSteps: 1_000_000, kernelProcess: "on" };
  const started = watch([
    ...["run", "-A", CLI, "train"],
    ...Object.entries(values).map(([name, value]) => `${flagOf(name)}=${value}`),
  ]);
  await started.said("training:");
  Deno.kill(-started.child.pid, "SIGINT");
  const { code, stderr } = await started.end();
  strictEqual(code, 130, stderr);
  match(stderr, /\nffn train: Stopped by SIGINT\n$/);
  const { variables } = (await loadNewest(folder.of("run")))!;
  ok(Number(variables.get("global_step")!.data[0]) > 0, stderr);
});

/** A command that never ends and says when it was asked to. */
const STUBBORN = `
  import { defineCommand } from "${ENGINE}/command.ts";
  import { main } from "${ENGINE}/main.ts";
  const command = defineCommand({
    description: "Go on",
    run(_, { signal, note }) {
      signal.addEventListener("abort", () => note("asked"));
      note("started");
      return new Promise(() => setInterval(() => {}, 1000));
    },
  });
  Deno.exit(await main(["go"], { go: () => Promise.resolve({ command }) }));
`;

Deno.test("ffn waits for its command on the first signal and ends at once on the second", async () => {
  const started = watch(["eval", STUBBORN]);
  await started.said("started");
  started.child.kill("SIGTERM");
  await started.said("asked");
  started.child.kill("SIGINT");
  const { code, stderr } = await started.end();
  strictEqual(code, 130);
  strictEqual(stderr, "started\nasked\n");
});
