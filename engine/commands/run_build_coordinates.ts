import { gatherCoordinates, type NamedVolume } from "../training/coordinates.ts";
import { Random } from "../training/random.ts";
import { open } from "../volumes/open.ts";
import { writeRecordFile } from "../volumes/record_file.ts";
import type { Context } from "./command.ts";
import { namedVolumes, zyxTriple } from "./list_arguments.ts";
import { showProgress } from "./progress.ts";
import { required } from "./run_compute_partitions.ts";

/** What `ffn build-coordinates` was given. */
export interface BuildCoordinatesValues {
  readonly partitionVolumes?: string;
  readonly coordinateOutput?: string;
  readonly margin?: string;
  readonly seed?: number;
  readonly records?: number;
  readonly excludeBackground: boolean;
}

/** Reads the flags, gathers the classes, and writes the records. */
export async function runBuildCoordinates(
  values: BuildCoordinatesValues,
  context: Context,
): Promise<void> {
  const { signal } = context;
  const text = required("--partition-volumes", values.partitionVolumes);
  const output = required("--coordinate-output", values.coordinateOutput);
  const specs = namedVolumes("--partition-volumes", text);
  const margin = zyxTriple("--margin", required("--margin", values.margin));
  const seed = values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0];
  await using opened = new AsyncDisposableStack();
  const volumes: NamedVolume[] = [];
  for (const { name, spec } of specs) {
    volumes.push({ name, volume: opened.use(await open(spec)) });
  }
  using progress = showProgress(context, "coordinates");
  const gathered = await gatherCoordinates(volumes, margin, {
    excludeBackground: values.excludeBackground,
    signal,
    progress: (fraction) => progress.update({ fraction: 0.2 * fraction, counts: {} }),
  });
  const { classes } = gathered;
  const recordCount = Math.min(values.records ?? Infinity, gathered.recordCount);
  async function* frames() {
    let bytes = 0;
    for (const piece of gathered.frames(new Random(seed), recordCount)) {
      yield await Promise.resolve(piece);
      bytes += piece.length;
      const records = Math.min(recordCount, Math.round(bytes / 66));
      progress.update({ fraction: 0.2 + 0.8 * records / recordCount, counts: { records } });
    }
  }
  await writeRecordFile(output, frames(), { signal });
  for (const [value, voxels] of [...classes].sort(([a], [b]) => a - b)) {
    const times = (gathered.recordCount / classes.size / voxels).toFixed(2);
    context.print(`class ${String(value).padStart(3)} ${voxels} voxels, each ${times} times`);
  }
  context.print(`${recordCount} records in ${output}, seed ${seed}`);
}
