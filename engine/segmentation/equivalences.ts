import { FormatError } from "../errors/errors.ts";
import { UnionFind } from "./union_find.ts";

/**
 * Reads pairs of equal ids: lines `a,b` or `a,b,x,y,z` without a head, comments after `#`.
 *
 * @param path For messages.
 * @throws {FormatError} for other lines.
 */
export function parseEquivalences(text: string, path: string): [bigint, bigint][] {
  const pairs: [bigint, bigint][] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const cells = line.replace(/#.*/, "").trim().split(/\s*,\s*/);
    if (cells.length === 1 && cells[0] === "") continue;
    const fits = (cells.length === 2 || cells.length === 5) &&
      cells.slice(0, 2).every((cell) => /^\d+$/.test(cell));
    if (!fits) {
      throw new FormatError(
        `Cannot read equivalences "${path}": line ${
          i + 1
        } must be "a,b" or "a,b,x,y,z", current "${line}"`,
        { path },
      );
    }
    pairs.push([BigInt(cells[0]), BigInt(cells[1])]);
  }
  return pairs;
}

/** Sets of ids that pairs join, each ascending, in order of their smallest ids. */
export function equivalenceClasses(pairs: Iterable<readonly [bigint, bigint]>): bigint[][] {
  const list = [...pairs];
  const ids = [...new Set(list.flat())].sort((a, b) => (a < b ? -1 : 1));
  const ranks = new Map(ids.map((id, rank) => [id, rank]));
  const sets = new UnionFind();
  for (const [a, b] of list) sets.join(ranks.get(a)!, ranks.get(b)!);
  return [...Map.groupBy(ids, (id) => sets.find(ranks.get(id)!)).values()];
}
