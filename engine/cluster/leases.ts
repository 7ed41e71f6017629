import { basename, join } from "node:path";
import { diskLeaseFiles, type LeaseFiles, moveFile } from "./lease_files.ts";

/** How long the file server's clock is taken for known. */
const CLOCK_MS = 60_000;

/** Who holds a lease, as its file tells. */
export interface Holder {
  /** Of this claim; no two claims have the same. */
  readonly id: string;
  /** Name of the worker; "unknown" where its file is damaged. */
  readonly owner: string;
  /** Time since its last sign of life. */
  readonly ageMs: number;
  /** How long it may be silent. */
  readonly leaseMs: number;
}

/** How leases are held. */
export interface LeaseOptions {
  /** Name of this worker. */
  readonly owner: string;
  /** Silence after which others may take a lease over. */
  readonly leaseMs: number;
  readonly files?: LeaseFiles;
  /** Monotonic clock in ms. */
  readonly now?: () => number;
  /** Told of a lease that was taken from a silent worker, before it is claimed anew. */
  readonly onTakeover?: (name: string, holder: Holder) => Promise<void>;
}

/** The lease was taken over by another worker; the work under it must not be published. */
export class LeaseLostError extends Error {
  override readonly name = "LeaseLostError";
}

/**
 * Leases on pieces of work by name, in a folder that all workers see. A lease is the folder `leases/NAME/ID` with a file
 * `owner`; ID is unique for each claim.
 *
 * Claiming moves a prepared folder `{ID: {owner}}` to `leases/NAME`, which fails where a lease is there. A holder
 * refreshes `owner` as its sign of life. Taking over moves exactly the silent `leases/NAME/ID` away. A result reaches its
 * place through that folder too, so whoever lost a lease, and does not know it yet, cannot publish anything.
 *
 * Ages are differences of two times of the file server, so the clocks of the machines need not agree.
 */
export class Leases {
  readonly folder: string;
  readonly files: LeaseFiles;
  readonly leaseMs: number;
  readonly #options: LeaseOptions;
  readonly #now: () => number;
  /** The file server's clock less ours, and when that was found out. */
  #clock: { readonly aheadMs: number; readonly atMs: number } | null = null;

  constructor(folder: string, options: LeaseOptions) {
    this.folder = folder;
    this.files = options.files ?? diskLeaseFiles;
    this.leaseMs = options.leaseMs;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Takes a lease, from a silent worker too; null when another one holds it. */
  async claim(name: string): Promise<Lease | null> {
    const holder = await this.holder(name);
    if (holder !== null) {
      if (holder.ageMs <= holder.leaseMs || !await this.takeOver(name, holder)) return null;
    }
    return await this.#take(name);
  }

  /** Takes a lease that nobody holds, silent or not, which costs less to find out; null otherwise. */
  async claimFree(name: string): Promise<Lease | null> {
    const holders = await this.files.list(this.#pathOf(name));
    return holders.length > 0 ? null : await this.#take(name);
  }

  async #take(name: string): Promise<Lease | null> {
    const id = crypto.randomUUID();
    const prepared = join(this.folder, "prepared", id);
    const text = JSON.stringify({ owner: this.#options.owner, leaseMs: this.leaseMs });
    await this.files.makeFolder(join(prepared, id));
    await this.files.write(join(prepared, id, "owner"), text);
    if (!await moveFile(this.files, prepared, this.#pathOf(name))) {
      await this.files.remove(prepared);
      return null;
    }
    return new Lease(this, name, this.#pathOf(name, id), text);
  }

  /** Who holds a lease; null where nobody does. */
  async holder(name: string): Promise<Holder | null> {
    const [id] = await this.files.list(this.#pathOf(name));
    if (id === undefined) return null;
    const found = await this.files.read(this.#pathOf(name, id, "owner"));
    // Given back since, or lost by the file server: nobody can take over what was given back.
    if (found === null) return { id, owner: "unknown", ageMs: Infinity, leaseMs: this.leaseMs };
    const ageMs = await this.#serverMs() - found.modifiedMs;
    return { id, ageMs, ...ownerOf(found.text, this.leaseMs) };
  }

  /** Names of leases that are held, or were a moment ago. */
  async names(): Promise<string[]> {
    return await this.files.list(join(this.folder, "leases"));
  }

  /** Every lease that is held, with its holder. */
  async list(): Promise<{ name: string; holder: Holder }[]> {
    const names = await this.names();
    const held = await Promise.all(
      names.map(async (name) => ({ name, holder: await this.holder(name) })),
    );
    return held.filter((lease): lease is { name: string; holder: Holder } => lease.holder !== null);
  }

  /** Takes a lease from its holder, silent or known to be dead; false when somebody else was first. */
  async takeOver(name: string, holder: Holder): Promise<boolean> {
    if (!await this.drop(name, holder.id)) return false;
    await this.#options.onTakeover?.(name, holder);
    return true;
  }

  /** Gives a lease back. */
  async release({ name, id }: Lease): Promise<void> {
    await this.drop(name, id);
  }

  /** Ends a claim whose work is published; false when that has happened. */
  async drop(name: string, id: string): Promise<boolean> {
    const dropped = join(this.folder, "dropped", id);
    if (!await moveFile(this.files, this.#pathOf(name, id), dropped)) return false;
    await this.files.remove(dropped);
    await this.files.removeEmpty(this.#pathOf(name));
    return true;
  }

  /** What the file server's clock shows. */
  async #serverMs(): Promise<number> {
    // Anew now and then, since a machine that slept has a monotonic clock that did not go on.
    if (this.#clock === null || this.#now() - this.#clock.atMs > CLOCK_MS) {
      const probe = join(this.folder, "clocks", crypto.randomUUID());
      await this.files.makeFolder(join(this.folder, "clocks"));
      await this.files.write(probe, "");
      const { modifiedMs } = (await this.files.read(probe))!;
      this.#clock = { aheadMs: modifiedMs - this.#now(), atMs: this.#now() };
      await this.files.remove(probe);
    }
    return this.#clock.aheadMs + this.#now();
  }

  #pathOf(...names: string[]): string {
    return join(this.folder, "leases", ...names);
  }
}

/** A piece of work that is ours as long as we give signs of life. */
export class Lease {
  readonly name: string;
  readonly id: string;
  readonly #leases: Leases;
  readonly #folder: string;
  readonly #text: string;

  /** `folder` is that of the claim, `text` the content of its file. */
  constructor(leases: Leases, name: string, folder: string, text: string) {
    this.name = name;
    this.id = basename(folder);
    this.#leases = leases;
    this.#folder = folder;
    this.#text = text;
  }

  /** What files are moved with. */
  get files(): LeaseFiles {
    return this.#leases.files;
  }

  /** Gives a sign of life; false when the lease was taken over. */
  async refresh(): Promise<boolean> {
    return await this.#leases.files.refresh(join(this.#folder, "owner"), this.#text);
  }

  /**
   * Moves finished files to their places, in this order, as long as the lease is held.
   *
   * @throws {LeaseLostError} when it was taken over; what was not moved yet is gone then.
   */
  async publish(files: readonly { readonly from: string; readonly to: string }[]): Promise<void> {
    const { files: disk } = this.#leases;
    const through = files.map((file, i) => ({ ...file, via: join(this.#folder, `${i}`) }));
    for (const { from, via } of through) await this.#move(disk.rename(from, via));
    for (const { via, to } of through) await this.#move(moveFile(disk, via, to));
  }

  async #move(moved: Promise<boolean>): Promise<void> {
    if (await moved) return;
    throw new LeaseLostError(`Cannot publish "${this.name}": another worker has taken it over`);
  }
}

function ownerOf(text: string, leaseMs: number): Pick<Holder, "owner" | "leaseMs"> {
  try {
    const value = JSON.parse(text);
    if (typeof value.owner === "string" && value.leaseMs > 0) return value;
  } catch {
    // A damaged file: the lease ends after our own time.
  }
  return { owner: "unknown", leaseMs };
}
