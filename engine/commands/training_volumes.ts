/** The volumes of `ffn train`, opened and checked. */
import { extname } from "node:path";
import { FormatError, UsageError } from "../errors/errors.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { readMapping } from "../resegmentation/mapping_file.ts";
import {
  checkTrainingVolumes,
  ExampleLoader,
  keptInMemory,
  type TrainingVolume,
} from "../training/example_loader.ts";
import { openLabelVolume } from "../training/partition_file.ts";
import { mappedLabels } from "../volumes/mapped_labels.ts";
import { open } from "../volumes/open.ts";
import type { Context } from "./command.ts";
import type { TrainValues } from "./training_config.ts";
import type { DataSettings, TrainingSettings } from "./training_settings.ts";

/** Labels that a map does not name stay as they are. */
const KEEP = { keepOthers: true };

/** Opens what a kind of examples is made of, and checks that it fits together. */
export async function openLoader(
  { images, labels, lossMasks, lossWeights }: DataSettings,
  { sizes, augmentation, normalisation }: TrainingSettings,
  values: TrainValues,
  context: Context,
  opened: AsyncDisposableStack,
): Promise<ExampleLoader> {
  const maps = relabelMaps(values.relabelMaps === undefined ? "" : String(values.relabelMaps));
  const volumes: TrainingVolume[] = [];
  for (const { name, spec } of images) {
    const [label, mask, weight] = [labels, lossMasks, lossWeights].map((list) =>
      list.find((v) => v.name === name)
    );
    if (!label) {
      throw new UsageError(
        `Cannot train on volume "${name}": it has no labels, they are given for ${
          labels.map((v) => `"${v.name}"`).join(", ")
        }`,
      );
    }
    const options = { rawLabels: values.rawLabels === true, log: context.note };
    const opens = await openLabelVolume(label.spec, options);
    const relabel = maps.find((map) => map.name === name);
    volumes.push({
      name,
      image: opened.use(await open(spec)),
      labels: opened.use(relabel ? mappedLabels(opens, await readRows(relabel.path), KEEP) : opens),
      lossMask: mask && opened.use(await open(mask.spec)),
      lossWeights: weight && opened.use(await open(weight.spec)),
      ...normalisation(name),
    });
  }
  checkTrainingVolumes(volumes);
  const kept: TrainingVolume[] = [];
  for (const volume of volumes) {
    kept.push({
      ...volume,
      image: await keptInMemory(volume.image),
      labels: await keptInMemory(volume.labels),
      lossMask: volume.lossMask && await keptInMemory(volume.lossMask),
      lossWeights: volume.lossWeights && await keptInMemory(volume.lossWeights),
    });
  }
  return new ExampleLoader(kept, sizes, augmentation);
}

/** `name:path,…`. */
function relabelMaps(text: string): { name: string; path: string }[] {
  return text.split(",").filter((part) => part.trim() !== "").map((part) => {
    const [, name, path] = /^\s*([^:]+):(.+?)\s*$/.exec(part) ?? [];
    if (name !== undefined) return { name, path };
    throw new UsageError(
      `Cannot use --relabel-maps "${text}": it must be name:path separated by commas, current part is "${part}"`,
    );
  });
}

/** Rows `[n, 2]` of old and new label: lines `old,new`, or what `ffn automerge` writes. */
async function readRows(path: string): Promise<NdArray> {
  const pairs = /^\.np[yz]$/.test(extname(path))
    ? [...await readMapping(path)]
    : parseRows(await Deno.readTextFile(path), path);
  const data = BigUint64Array.from(pairs.flat());
  return { dtype: "uint64", shape: [pairs.length, 2], data };
}

function parseRows(text: string, path: string): [bigint, bigint][] {
  return text.split(/\r?\n/).flatMap((line, i): [bigint, bigint][] => {
    const isHeader = i === 0 && /^[a-z_]+,[a-z_]+$/.test(line);
    if (line.trim() === "" || isHeader) return [];
    const [, old, now] = /^\s*(\d+)\s*,\s*(\d+)\s*$/.exec(line) ?? [];
    if (old !== undefined) return [[BigInt(old), BigInt(now)]];
    throw new FormatError(
      `Cannot read relabel map "${path}": line ${i + 1} must be old,new, current is "${line}"`,
      { path },
    );
  });
}
