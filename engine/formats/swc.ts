import { FormatError } from "../errors/errors.ts";

/** A node of a skeleton. */
export interface SkeletonNode {
  readonly id: number;
  /** In nanometres (the file's unit), xyz. */
  readonly position: readonly [x: number, y: number, z: number];
  /** Id of its parent; null for a root. */
  readonly parent: number | null;
}

/**
 * Parses a skeleton in SWC: lines `id type x y z radius parent`, parent -1 for roots, comments after `#`.
 *
 * @param path For messages.
 * @throws {FormatError} for lines that are none of these, ids that come twice, parents that do not exist, and circles.
 */
export function parseSwc(text: string, path: string): SkeletonNode[] {
  const refuse = (what: string): never => {
    throw new FormatError(`Cannot read skeleton "${path}": ${what}`, { path });
  };
  const nodes = new Map<number, SkeletonNode>();
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const cells = line.replace(/#.*/, "").trim().split(/\s+/).filter((cell) => cell !== "");
    if (cells.length === 0) continue;
    const [id, , x, y, z, , parent] = cells.map(Number);
    const isNode = cells.length >= 7 && Number.isSafeInteger(id) && Number.isSafeInteger(parent) &&
      [x, y, z].every(Number.isFinite);
    if (!isNode) refuse(`line ${i + 1} must be "id type x y z radius parent", current "${line}"`);
    if (nodes.has(id)) refuse(`node ${id} comes twice, again in line ${i + 1}`);
    nodes.set(id, { id, position: [x, y, z], parent: parent < 0 ? null : parent });
  }
  for (const { id, parent } of nodes.values()) {
    if (parent !== null && !nodes.has(parent)) {
      refuse(`node ${id} has parent ${parent}, which is not there`);
    }
  }
  assertTree(nodes, refuse);
  return [...nodes.values()];
}

/** Every node must lead to a root. */
function assertTree(
  nodes: ReadonlyMap<number, SkeletonNode>,
  refuse: (what: string) => never,
): void {
  const rooted = new Set<number>();
  for (const start of nodes.keys()) {
    const way = new Set<number>();
    for (let id: number | null = start; id !== null && !rooted.has(id);) {
      if (way.has(id)) refuse(`node ${id} is its own ancestor`);
      way.add(id);
      id = nodes.get(id)!.parent;
    }
    for (const id of way) rooted.add(id);
  }
}
