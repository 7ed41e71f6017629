/** Where the pieces of memory of a program lie: those that are not in use at the same time may take turns. */

/** A piece of memory in use from one call of a program to another, both included. */
export interface Slot {
  readonly bytes: number;
  /** Slots of one kind can take turns at the same place as they are: what the one leaves, the next one expects. */
  readonly kind: string;
  readonly first: number;
  readonly last: number;
}

/** Offsets in bytes of slots, and how many bytes they take together. */
export interface Placement {
  readonly offsets: readonly number[];
  readonly bytes: number;
}

/** A cache line: pieces of different threads never share one. */
const ALIGNMENT = 64;

interface Piece {
  readonly slot: Slot;
  readonly offset: number;
  readonly end: number;
}

/**
 * Places the largest slots first, each into the smallest gap that is left between those in use at the same time (Pisarchyk and
 * Lee 2020, arXiv 2001.03288).
 */
export function placeTogether(slots: readonly Slot[]): Placement {
  const offsets = new Array<number>(slots.length);
  /** By offset. */
  const placed: Piece[] = [];
  let bytes = 0;
  for (const index of largestFirst(slots)) {
    const slot = slots[index];
    const size = Math.ceil(Math.max(slot.bytes, 1) / ALIGNMENT) * ALIGNMENT;
    let [offset, least, end] = [-1, Infinity, 0];
    for (const other of placed) {
      if (slot.first > other.slot.last || other.slot.first > slot.last) continue;
      const gap = other.offset - end;
      if (gap >= size && gap < least) [offset, least] = [end, gap];
      end = Math.max(end, other.end);
    }
    if (offset < 0) offset = end;
    offsets[index] = offset;
    bytes = Math.max(bytes, offset + size);
    const at = placed.findLastIndex((other) => other.offset <= offset);
    placed.splice(at + 1, 0, { slot, offset, end: offset + size });
  }
  return { offsets, bytes };
}

/** Numbers of slots; those of a kind lie beside each other, so that many come to share an offset. */
function largestFirst(slots: readonly Slot[]): number[] {
  const byKind = (a: Slot, b: Slot) => a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : 0;
  return slots.map((_, index) => index).sort((i, j) => {
    const [a, b] = [slots[i], slots[j]];
    return b.bytes - a.bytes || byKind(a, b) || a.first - b.first;
  });
}

/** Lets slots take turns only with those of their kind: takes more memory, and none of it is ever disturbed. */
export function placeByKind(slots: readonly Slot[]): Placement {
  const offsets = new Array<number>(slots.length);
  const numbers = Map.groupBy(slots.keys(), (index) => slots[index].kind);
  let bytes = 0;
  for (const group of numbers.values()) {
    const placement = placeTogether(group.map((index) => slots[index]));
    group.forEach((index, i) => offsets[index] = bytes + placement.offsets[i]);
    bytes += placement.bytes;
  }
  return { offsets, bytes };
}

/** Numbers of the slots whose memory others use in between that leave something else. */
export function disturbedSlots(slots: readonly Slot[], { offsets }: Placement): Set<number> {
  const order = [...slots.keys()].sort((a, b) => offsets[a] - offsets[b]);
  const disturbed = new Set<number>();
  order.forEach((a, at) => {
    const end = offsets[a] + slots[a].bytes;
    for (let next = at + 1; next < order.length && offsets[order[next]] < end; next++) {
      const b = order[next];
      if (offsets[a] === offsets[b] && slots[a].kind === slots[b].kind) continue;
      disturbed.add(a).add(b);
    }
  });
  return disturbed;
}
