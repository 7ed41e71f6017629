import { decodeOrigins } from "../formats/origins.ts";
import type { NpyValue } from "../formats/npy.ts";
import { type NpzArchive, openNpz } from "../formats/npz.ts";
import { decodeInferenceRequest, printInferenceRequest } from "../formats/protobuf/requests.ts";
import { openFileSource } from "../volumes/file_source.ts";
import type { Description, Fact } from "./description.ts";

/** What each kind of archive of an inference run is known by. */
const KINDS: readonly [member: string, kind: string][] = [
  ["seed_qprob", "canvas checkpoint of an interrupted run"],
  ["seg_qprob", "canvas checkpoint of an interrupted run"],
  ["segmentation", "segmentation of a subvolume"],
  ["qprob", "quantised probabilities of a subvolume"],
  ["im", "normalised image of a subvolume"],
  ["lut", "reference histogram"],
];

/** Describes an npz archive; every member is read, and so checked. */
export async function describeArchive(path: string): Promise<Description> {
  await using file = await openFileSource(path);
  const archive = await openNpz(file, path);
  const contents: Record<string, Fact>[] = [];
  const facts: Record<string, Fact> = { path, sizeBytes: file.sizeBytes };
  for (const member of archive.names) {
    const value = await archive.read(member);
    contents.push({ member, ...typeOf(value) });
    if (member === "segmentation" && value.kind === "array") {
      Object.assign(facts, labelFacts(value.array.data));
    }
  }
  const kind = KINDS.find(([member]) => archive.has(member))?.[1] ?? "NumPy archive";
  return { kind, facts: { ...facts, ...await runFacts(archive) }, contents };
}

function typeOf(value: NpyValue): { type: string; shape: readonly number[] } {
  if (value.kind === "array") return { type: value.array.dtype, shape: value.array.shape };
  return { type: value.kind, shape: value.shape };
}

function labelFacts(labels: Iterable<number | bigint>): Record<string, Fact> {
  const objects = new Set<number | bigint>();
  let voxels = 0, covered = 0;
  for (const label of labels) {
    voxels++;
    if (label <= 0) continue;
    covered++;
    objects.add(label);
  }
  return { objects: objects.size, coverage: Number((covered / Math.max(1, voxels)).toFixed(4)) };
}

/** What the run that wrote the archive says of itself. */
async function runFacts(archive: NpzArchive): Promise<Record<string, Fact>> {
  const facts: Record<string, Fact> = {};
  if (archive.has("origins")) {
    const origins = decodeOrigins(await archive.readObject("origins"), archive.path);
    facts.origins = origins.size;
    facts.iterations = [...origins.values()].reduce((sum, { iters }) => sum + iters, 0);
  }
  if (archive.has("counters")) facts.counters = counterLines(await archive.readText("counters"));
  if (archive.has("request")) {
    const bytes = await archive.readBytes("request");
    const request = decodeInferenceRequest(bytes, `${archive.path}:request`);
    facts.request = printInferenceRequest(request);
  }
  return facts;
}

/** JSON of name to value as one line each; other text as it is. */
function counterLines(text: string): string {
  try {
    const counters = Object.entries<unknown>(JSON.parse(text));
    return counters.map(([name, value]) => `${name}: ${value}`).sort().join("\n");
  } catch {
    return text;
  }
}
