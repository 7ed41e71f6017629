import type { Random } from "./random.ts";

/**
 * Draws from a list in which each of n members stands `floor(total / n)` times, and `total % n` random ones once more,
 * without ever writing that list down: 4 bytes per member instead of one entry per draw.
 */
export class ClassSampler {
  readonly #members: Uint32Array | Float64Array;
  /** Draws left of each member; null where it is one each. */
  readonly #left: Uint32Array | null;
  /** Members that have draws left are the first ones. */
  #alive: number;
  /** No member has more draws left. */
  #most: number;
  #drawsUntilCheck: number;
  #extra: number;

  /** @param members Is reordered while it is drawn from. */
  constructor(members: Uint32Array | Float64Array, total: number) {
    const n = members.length;
    this.#members = members;
    this.#alive = n;
    this.#extra = total % n;
    const each = Math.floor(total / n);
    this.#most = each + (this.#extra > 0 ? 1 : 0);
    this.#left = this.#most === 1 && this.#extra === 0 ? null : new Uint32Array(n).fill(each);
    this.#drawsUntilCheck = n;
  }

  /** The next member; may be called `total` times. */
  draw(random: Random): number {
    if (this.#extra > 0) this.#giveExtra(random);
    if (this.#left === null) return this.#take(random.below(this.#alive));
    if (--this.#drawsUntilCheck <= 0) this.#tighten();
    // A member is accepted with the share that it has of the largest count: each draw left is equally likely.
    for (;;) {
      const i = random.below(this.#alive);
      if (this.#most > 1 && random.below(this.#most) >= this.#left[i]) continue;
      this.#left[i]--;
      return this.#left[i] > 0 ? this.#members[i] : this.#take(i);
    }
  }

  /** Gives one more draw to some members, chosen at random. */
  #giveExtra(random: Random): void {
    const [members, left, n] = [this.#members, this.#left!, this.#members.length];
    for (let i = 0; i < this.#extra; i++) {
      const j = i + random.below(n - i);
      [members[i], members[j]] = [members[j], members[i]];
      left[i]++;
    }
    this.#extra = 0;
  }

  #tighten(): void {
    let most = 0;
    for (let i = 0; i < this.#alive; i++) most = Math.max(most, this.#left![i]);
    this.#most = most;
    this.#drawsUntilCheck = this.#alive;
  }

  /** Moves a member out of those that are left. */
  #take(i: number): number {
    const last = --this.#alive;
    const member = this.#members[i];
    this.#members[i] = this.#members[last];
    if (this.#left) this.#left[i] = this.#left[last];
    return member;
  }
}
