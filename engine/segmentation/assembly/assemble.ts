import { join } from "node:path";
import { type Box, containing } from "../../geometry/box.ts";
import { subZyx, volumeOf, type Zyx } from "../../geometry/vectors.ts";
import { UnionFind } from "../union_find.ts";
import { Journal, type JournalEntry } from "./journal.ts";
import { type OverlapRule, pasteAndCompare, type Pasted, pasteLikeReference } from "./paste.ts";
import { ScratchLabels } from "./scratch_labels.ts";
import { subvolumeTiers } from "./subvolumes.ts";

/** Labels go up to this; the reference refuses the last value too. */
const MAX_ID = 2 ** 32 - 2;

/** How subvolumes become one volume. */
export interface AssemblyOptions {
  /** `reconcile` joins what overlaps tell to be one object; `paste` gives it a new number in each subvolume. */
  readonly assembly: "reconcile" | "paste";
  readonly overlapRule: OverlapRule;
  /** Objects with fewer voxels, in the whole volume, vanish. */
  readonly minOutSize: number;
}

/** What is to be assembled. */
export interface AssemblyInput {
  /** Where the subvolumes lie. */
  readonly boxes: readonly Box[];
  /** Labels `[z, y, x]` of a subvolume; called for each once, in the order of the work. */
  load(index: number): Promise<Uint32Array>;
  /** Folder that keeps the work of an interrupted run; made, and left for the caller to remove. */
  readonly folder: string;
  /** What else the result depends on, as plain data; a run that continues must have the same. */
  readonly settings: unknown;
  readonly options: AssemblyOptions;
  readonly signal?: AbortSignal;
  /** Told after each subvolume how many voxels of how many are done. */
  onProgress?(doneVoxels: number, allVoxels: number): void;
}

/** One volume of labels. */
export interface AssembledVolume extends Disposable {
  /** Corner of the volume in the coordinates of the boxes. */
  readonly offset: Zyx;
  readonly size: Zyx;
  /** Objects, and the largest label. */
  readonly objects: number;
  readonly maxId: number;
  /** Labels `[z, y, x]` of a box, relative to `offset`. */
  read(box: Box): Promise<Uint32Array<ArrayBuffer>>;
}

/**
 * Puts subvolumes into one volume, tier by tier and box by box, so that the result does not depend on timing. Whoever
 * claims a voxel first keeps it. A run that was stopped continues where it was.
 *
 * @throws {RangeError} when there are more objects than uint32 has numbers, or the folder holds other work.
 */
export async function assemble(input: AssemblyInput): Promise<AssembledVolume> {
  const { boxes, options, folder } = input;
  const hull = containing(boxes);
  await Deno.mkdir(folder, { recursive: true });
  using journal = await Journal.open(join(folder, "journal.jsonl"), {
    ...{ boxes, assembly: options.assembly, overlapRule: options.overlapRule },
    settings: input.settings,
  });
  const scratch = await ScratchLabels.open(join(folder, "labels.u32"), hull.size);
  try {
    const entries = [...journal.entries];
    const sets = new UnionFind();
    for (const { joins } of entries) for (const [old, fresh] of joins) sets.join(old, fresh);
    const order = subvolumeTiers(boxes).flat();
    const allVoxels = boxes.reduce((sum, { size }) => sum + volumeOf(size), 0);
    let doneVoxels = 0;
    for (const [step, index] of order.entries()) {
      input.signal?.throwIfAborted();
      if (step >= entries.length) {
        const earlier = order.slice(0, step).map((i) => boxes[i]);
        const oldMax = entries.at(-1)?.maxId ?? 0;
        const entry = await pasteOne(input, scratch, hull, { index, earlier, oldMax, sets });
        await journal.add(entry);
        entries.push(entry);
      }
      doneVoxels += volumeOf(boxes[index].size);
      input.onProgress?.(doneVoxels, allVoxels);
    }
    return finish(scratch, hull, finalNumbers(entries, sets, options));
  } catch (error) {
    scratch[Symbol.dispose]();
    throw error;
  }
}

async function pasteOne(
  { boxes, load, options }: AssemblyInput,
  scratch: ScratchLabels,
  hull: Box,
  { index, earlier, oldMax, sets }: {
    index: number;
    earlier: readonly Box[];
    oldMax: number;
    sets: UnionFind;
  },
): Promise<JournalEntry> {
  const box = boxes[index];
  const fresh = await load(index);
  if (fresh.length !== volumeOf(box.size)) {
    throw new RangeError(
      `Cannot assemble subvolume ${index}: its box has ${volumeOf(box.size)} voxels, ` +
        `current labels are ${fresh.length}`,
    );
  }
  const place: Box = { start: subZyx(box.start, hull.start), size: box.size };
  const before = await scratch.read(place);
  // What a stopped run had begun to write of this very subvolume.
  for (let i = 0; i < before.length; i++) if (before[i] > oldMax) before[i] = 0;
  const pasted: Pasted = options.assembly === "paste"
    ? await pasteLikeReference(before, fresh, box.size, oldMax)
    : pasteAndCompare({ before, fresh, box, earlier, oldMax, rule: options.overlapRule, sets });
  const { labels, joins } = pasted;
  if (pasted.maxId > MAX_ID) {
    throw new RangeError(
      `Cannot assemble ${boxes.length} subvolumes: labels go up to ${MAX_ID}, current ${pasted.maxId}; ` +
        "remove dust from the subvolumes with --min-ffn-size",
    );
  }
  const counts = new Array<number>(pasted.maxId - oldMax).fill(0);
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] > oldMax) counts[labels[i] - oldMax - 1]++;
  }
  await scratch.write(place, labels);
  await scratch.sync();
  return { subvolume: index, maxId: pasted.maxId, counts, joins };
}

function finish(scratch: ScratchLabels, hull: Box, numbers: Uint32Array): AssembledVolume {
  const maxId = numbers.reduce((a, b) => Math.max(a, b), 0);
  const present = new Set(numbers);
  present.delete(0);
  return {
    offset: hull.start,
    size: hull.size,
    objects: present.size,
    maxId,
    async read(box) {
      const labels = await scratch.read(box);
      for (let i = 0; i < labels.length; i++) labels[i] = numbers[labels[i]];
      return labels;
    },
    [Symbol.dispose]: () => scratch[Symbol.dispose](),
  };
}

/** Final label by the one given on pasting, without dust; dense in order of first numbers where objects were joined. */
function finalNumbers(
  entries: readonly JournalEntry[],
  sets: UnionFind,
  { assembly, minOutSize }: AssemblyOptions,
): Uint32Array {
  const last = entries.at(-1)?.maxId ?? 0;
  const voxels = new Float64Array(last + 1);
  let next = 1;
  for (const { counts, maxId } of entries) {
    counts.forEach((count, i) => voxels[sets.find(next + i)] += count);
    next = maxId + 1;
  }
  const numbers = new Uint32Array(last + 1);
  let count = 0;
  for (let id = 1; id <= last; id++) {
    const root = sets.find(id);
    if (root !== id) numbers[id] = numbers[root];
    else if (voxels[id] > 0 && voxels[id] >= minOutSize) {
      numbers[id] = assembly === "reconcile" ? ++count : id;
    }
  }
  return numbers;
}
