/** Runs of the command line that are killed at random moments and started again, against ones that are left alone. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { openNpz } from "../../engine/formats/npz.ts";
import { decodeOrigins } from "../../engine/formats/origins.ts";
import { decodeOverlaps } from "../../engine/formats/overlaps.ts";
import { seededRandom } from "../support/random.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "20 random kill -9 with checkpoints every second, on 1, 2 and 4 threads: the same segmentation, qprob, overlaps and origins";

const KILLS = 20;
const THREADS = [1, 2, 4];
const BOX = "start { x: 0 y: 0 z: 0 } size { x: 64 y: 64 z: 64 }";
/** A run that makes no progress at all is an error, not a reason to wait for ever. */
const MAX_STARTS = 200;

export async function run({ fib25, root, folder, print, check }: AcceptanceContext): Promise<void> {
  const random = seededRandom(Date.now() >>> 0);
  const start = async (dir: string, threads: number) => {
    const request = join(folder, `${dir}.pbtxt`);
    await Deno.writeTextFile(request, requestText(fib25, join(folder, dir)));
    return new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "cli.ts", "run-inference", "--request", request],
        ...["--bounding-box", BOX, "--threads", `${threads}`, "--quiet"],
      ],
      cwd: root,
      stdout: "null",
      stderr: "inherit",
    }).spawn();
  };
  const resultOf = (dir: string) => readResult(join(folder, dir, "0", "0", "seg-0_0_0"));

  let wholeMs = 0;
  for (const threads of THREADS) {
    const startedMs = performance.now();
    const { code } = await (await start(`alone${threads}`, threads)).status;
    wholeMs = performance.now() - startedMs;
    check(`exit code, left alone on ${threads} threads`, code, "0", code === 0);
  }
  const expected = await resultOf(`alone${THREADS[0]}`);
  check("objects", expected.origins.length, "4", expected.origins.length === 4);
  for (const threads of THREADS.slice(1)) {
    const same = isDeepStrictEqual(await resultOf(`alone${threads}`), expected);
    check(`${threads} threads equal ${THREADS[0]}`, `${same}`, "true", same);
  }

  let kills = 0;
  let resumes = 0;
  for (let round = 0, starts = 0; kills < KILLS || round < THREADS.length; round++) {
    const dir = `killed${round}`;
    const segmentation = join(folder, dir, "0", "0", "seg-0_0_0.npz");
    const checkpoint = join(folder, dir, "0", "0", "seg-0_0_0.cpoint");
    const threads: number[] = [];
    while (!existsSync(segmentation)) {
      if (++starts > MAX_STARTS) throw new Error(`Cannot finish "${dir}": ${kills} kills so far`);
      if (existsSync(checkpoint)) resumes++;
      threads.push(THREADS[(round + threads.length) % THREADS.length]);
      const child = await start(dir, threads.at(-1)!);
      const ended = child.status.then(() => true);
      const delayMs = wholeMs * (0.25 + 0.5 * random());
      // The last start of the whole program is left alone, so that it ends.
      if (kills < KILLS && !await Promise.race([ended, setTimeout(delayMs, false)])) {
        child.kill("SIGKILL");
        kills++;
      }
      await ended;
    }
    const same = isDeepStrictEqual(await resultOf(dir), expected);
    const left = [...Deno.readDirSync(join(folder, dir, "0", "0"))].map((entry) => entry.name)
      .filter((name) => !/\.(npz|prob)$/.test(name));
    print(`${dir}: ${threads.length} starts on ${threads.join(", ")} threads`);
    check(`${dir} equals the uninterrupted runs`, `${same}`, "true", same);
    check(`${dir} leaves nothing else`, left.join() || "nothing", "nothing", left.length === 0);
  }
  check("kills", kills, `${KILLS}`, kills === KILLS);
  check("starts from a checkpoint", resumes, "> 5", resumes > 5);
}

/** The request of the recorded run, with results in `dir` and a checkpoint every second. */
function requestText(fib25: string, dir: string): string {
  const text = Deno.readTextFileSync(join(fib25, "requests", "inference_training_sample2.pbtxt"));
  return text
    .replace(/"training_sample2\//, `"${fib25}/training_sample2/`)
    .replace(/"model\//, `"${fib25}/model/`)
    .replace(/segmentation_output_dir: ".*"/, `segmentation_output_dir: ${JSON.stringify(dir)}`)
    .replace(/checkpoint_interval: \d+/, "checkpoint_interval: 1");
}

/** What must not depend on interruptions, from the files `<path>.npz` and `<path>.prob`. */
async function readResult(path: string) {
  const archive = await openNpz(await Deno.readFile(`${path}.npz`), `${path}.npz`);
  const prob = await openNpz(await Deno.readFile(`${path}.prob`), `${path}.prob`);
  const origins = decodeOrigins(await archive.readObject("origins"));
  return {
    segmentation: await archive.readArray("segmentation"),
    qprob: await prob.readArray("qprob"),
    overlaps: decodeOverlaps(await archive.readObject("overlaps")),
    origins: [...origins].map(([id, { startZyx, iters }]) => [id, startZyx, iters]),
  };
}
