import type { AcceptedObject } from "../accepted_object.ts";
import { askServer, granted, reachServer } from "./ask_server.ts";

/** Told what came and went. */
export interface ObjectChanges {
  /** `prob` has a byte for each voxel of the object's box, 0 where it is not the object's. */
  add(object: AcceptedObject, prob: Uint8Array): void;
  remove(object: AcceptedObject): void;
}

/** The first part of each object that goes on from others of these, by label. */
export function rootsOf(objects: readonly AcceptedObject[]): Map<number, number> {
  const roots = new Map<number, number>();
  const known = new Set(objects.map(({ id }) => id));
  // Ascending: what an object goes on from is older.
  for (const { id, continues } of objects) {
    const found = continues.filter((other) => known.has(other)).map((o) => roots.get(o) ?? o);
    if (found.length > 0) roots.set(id, Math.min(...found));
  }
  return roots;
}

/** The accepted objects, as the server has them; whichever tab they came from. */
export class AcceptedObjects {
  readonly #base: string;
  readonly #changes: ObjectChanges;
  readonly #known = new Map<number, AcceptedObject>();
  #refreshing: Promise<void> = Promise.resolve();

  /** @param base Address of the page. */
  constructor(base: string, changes: ObjectChanges) {
    this.#base = base;
    this.#changes = changes;
  }

  /** By label, ascending. */
  get list(): AcceptedObject[] {
    return [...this.#known.values()].sort((a, b) => a.id - b.id);
  }

  /** Takes over what has changed on the server; only what `concerns` lets through. */
  refresh(concerns: (object: AcceptedObject) => boolean = () => true): Promise<void> {
    // One after the other, so that none is added twice.
    return this.#refreshing = this.#refreshing.catch(() => {}).then(() => this.#refresh(concerns));
  }

  async #refresh(concerns: (object: AcceptedObject) => boolean): Promise<void> {
    const response = await askServer(`${this.#base}objects`);
    const all: AcceptedObject[] = await response.json();
    const there = new Set(all.map(({ id }) => id));
    for (const [id, object] of this.#known) {
      if (there.has(id)) continue;
      this.#known.delete(id);
      this.#changes.remove(object);
    }
    for (const object of all.filter((o) => concerns(o) && !this.#known.has(o.id))) {
      const found = await reachServer(`${this.#base}objects/${object.id}`);
      // Somebody took it back in the meantime.
      if (found.status === 404) continue;
      const prob = new Uint8Array(await (await granted(found)).arrayBuffer());
      this.#known.set(object.id, object);
      this.#changes.add(object, prob);
    }
  }
}
