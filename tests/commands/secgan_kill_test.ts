/** SECGAN's commands as real processes that are killed at random moments, and called again. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { join, relative } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { flagOf } from "../../engine/commands/command.ts";
import { encodeNpy } from "../../engine/formats/npy.ts";
import { STEPS_PER_ITERATION } from "../../engine/training/secgan/secgan_trainer.ts";
import { ffn } from "../support/cli.ts";
import { secganFlags, secganFolder, trainSecgan } from "../support/secgan_training.ts";
import { randomFloats } from "../support/small_networks.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));

/** Runs `ffn ...args` until `isDue` and a random time more, then kills it; fails when it ends before. */
async function killed(args: readonly string[], isDue: () => boolean): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", CLI, ...args],
    ...{ stdin: "null", stdout: "null", stderr: "piped" },
  }).spawn();
  const stderr = new Response(child.stderr).text();
  let hasEnded = false;
  child.status.then(() => hasEnded = true);
  while (!hasEnded && !isDue()) await setTimeout(2);
  await setTimeout(60 * Math.random());
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended, which is told below.
  }
  const { signal, code } = await child.status;
  strictEqual(signal, "SIGKILL", `it ended with code ${code}: ${await stderr}`);
}

function argumentsOf(values: Record<string, unknown>): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    return value === true ? [flagOf(name)] : [`${flagOf(name)}=${value}`];
  });
}

/** Hash by path of every file below a folder. */
async function hashes(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const visit = async (path: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      const inner = join(path, name);
      if (isDirectory) await visit(inner);
      else {
        const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(inner));
        found[relative(folder, inner)] = new Uint8Array(digest).toHex();
      }
    }
  };
  await visit(folder);
  return found;
}

Deno.test("ffn train-secgan that is killed twice and called again ends as if it had not been, byte for byte", async () => {
  await using folder = await secganFolder();
  const flags = (run: string) =>
    secganFlags(folder, {
      ...{ labelNoise: 0.1, generatorDropout: true, batchSize: 2, maxSteps: 40 },
      ...{ checkpointEverySteps: 1, maxCheckpointsToKeep: 3, trainDir: folder.of(run) },
    });
  const saved = (step: number) =>
    Object.fromEntries(
      Object.entries(all).filter(([name]) => name.startsWith(`model.ckpt-${step}.`)),
    );
  const last = 40 * STEPS_PER_ITERATION;
  await trainSecgan(flags("whole"));
  let all = await hashes(folder.of("whole"));
  const expected = saved(last);
  deepStrictEqual(Object.keys(expected).sort(), [
    `model.ckpt-${last}.data-00000-of-00001`,
    `model.ckpt-${last}.index`,
    `model.ckpt-${last}.state.npz`,
  ]);
  const newest = () => {
    try {
      const text = Deno.readTextFileSync(folder.of("run", "checkpoint"));
      return Number(/ckpt-(\d+)/.exec(text)![1]) / STEPS_PER_ITERATION;
    } catch {
      return 0;
    }
  };
  for (const first of [4, 14]) {
    const due = first + Math.floor(8 * Math.random());
    await killed(["train-secgan", ...argumentsOf(flags("run"))], () => newest() >= due);
    ok(newest() >= due && newest() < 40, `killed at iteration ${newest()}`);
  }
  await trainSecgan(flags("run"));
  all = await hashes(folder.of("run"));
  deepStrictEqual(saved(last), expected);
});

Deno.test("ffn run-secgan-xfer that is killed in the middle and called again writes the same bytes", async () => {
  await using folder = await temporaryFolder();
  await using trained = await secganFolder();
  await trainSecgan(secganFlags(trained, { maxSteps: 1 }));
  // 12 boxes of at most two chunks of 96³.
  const shape = [100, 104, 400];
  const data = Uint8Array.from(randomFloats(100 * 104 * 400, 3), (v) => 127 * (v + 1));
  const parts = encodeNpy({ dtype: "uint8", shape, data });
  await Deno.writeFile(folder.of("em.npy"), new Blob(parts as BlobPart[]).stream());
  const args = (output: string) => [
    ...["run-secgan-xfer", "--content_volume_spec", folder.of("em.npy")],
    ...["--checkpoint_path", trained.of("run"), "--output_spec", folder.of(output)],
    ...["--tile_size", "48", "--backend", "wasm", "--threads", "2", "--kernel-process", "off"],
  ];
  const transfer = async (output: string) => {
    const { code, stderr } = await ffn(...args(output));
    strictEqual(code, 0, stderr);
  };
  await transfer("whole/em.zarr");
  const steps = () => {
    try {
      const path = folder.of("killed", "em.zarr.partial", ".conversion", "steps");
      return Deno.readTextFileSync(path).split("\n").length - 1;
    } catch {
      return 0;
    }
  };
  const due = 1 + Math.floor(5 * Math.random());
  await killed(args("killed/em.zarr"), () => steps() >= due);
  ok(steps() >= due, `${steps()} boxes were written`);
  await transfer("killed/em.zarr");
  deepStrictEqual(await hashes(folder.of("killed")), await hashes(folder.of("whole")));
});
