import type { Zyx } from "../geometry/vectors.ts";

/** Entries a new queue has room for; a power of two is not needed. */
const INITIAL_CAPACITY = 256;

/** First in, first out queue of (score, position), in typed arrays that double as they fill. */
export class PositionQueue {
  #positions = new Int32Array(3 * INITIAL_CAPACITY);
  #scores = new Float32Array(INITIAL_CAPACITY);
  #head = 0;
  #tail = 0;

  get length(): number {
    return this.#tail - this.#head;
  }

  clear(): void {
    this.#head = this.#tail = 0;
  }

  push(score: number, position: Zyx): void {
    if (this.#tail === this.#scores.length) this.#makeRoom();
    this.#scores[this.#tail] = score;
    this.#positions.set(position, 3 * this.#tail);
    this.#tail++;
  }

  /** Takes the oldest position out; null when the queue is empty. */
  shift(): Zyx | null {
    if (this.#head === this.#tail) return null;
    const at = 3 * this.#head++;
    return [this.#positions[at], this.#positions[at + 1], this.#positions[at + 2]];
  }

  /** Waiting positions `[n, 3]` zyx, oldest first. */
  positions(): Int32Array {
    return this.#positions.slice(3 * this.#head, 3 * this.#tail);
  }

  /** Scores `[n]` of the waiting positions. */
  scores(): Float32Array {
    return this.#scores.slice(this.#head, this.#tail);
  }

  /** Moves the waiting entries to the front, into arrays of twice the size when more than half of them wait. */
  #makeRoom(): void {
    const [positions, scores] = [this.positions(), this.scores()];
    if (2 * scores.length > this.#scores.length) {
      this.#scores = new Float32Array(2 * this.#scores.length);
      this.#positions = new Int32Array(2 * this.#positions.length);
    }
    this.#scores.set(scores);
    this.#positions.set(positions);
    this.#head = 0;
    this.#tail = scores.length;
  }
}
