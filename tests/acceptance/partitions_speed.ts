/** Time and memory of `ffn compute-partitions` beside the reference's program on the same labels (data/peers.json). */
import { join } from "node:path";
import type { AcceptanceContext } from "./program.ts";

export const description = "compute-partitions takes a tenth of the reference's time, or less";

export async function run(
  { fib25, folder, root, threads, print, check }: AcceptanceContext,
): Promise<void> {
  const peers = JSON.parse(await Deno.readTextFile(join(fib25, "../peers.json")));
  const { wall_s: reference } = peers.reference_compute_partitions;
  print(`reference: ${reference} s on ${peers.machine}`);
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const startedMs = performance.now();
    const process = new Deno.Command(Deno.execPath(), {
      args: [
        ...[
          "run",
          "-A",
          "--no-check",
          join(root, "cli.ts"),
          "compute-partitions",
          "--quiet",
          "--overwrite",
        ],
        ...["--input_volume", `${fib25}/training_sample2/groundtruth.h5:stack`],
        ...["--output_volume", `${join(folder, "af.h5")}:af`, "--lom_radius", "24,24,24"],
        ...["--threads", String(threads)],
      ],
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    let peak = 0;
    const poll = setInterval(() => peak = Math.max(peak, peakBytes(process.pid)), 20);
    const { success } = await process.status;
    clearInterval(poll);
    if (!success) throw new Error("compute-partitions failed");
    times.push((performance.now() - startedMs) / 1000);
    print(
      `run ${i}: ${times[i].toFixed(2)} s, start of the process included; peak ${
        (peak / 1e6).toFixed(0)
      } MB`,
    );
  }
  const median = times.toSorted((a, b) => a - b)[1];
  check(
    "times faster than the reference",
    (reference / median).toFixed(1),
    ">= 10",
    reference / median >= 10,
  );
}

/** Most memory that a process has had, 0 where the system does not say. */
function peakBytes(pid: number): number {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}
