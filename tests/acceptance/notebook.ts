/** The notebook on Deno's Jupyter kernel, as Jupyter would execute it: without an error, and something is to be seen. */
import { join } from "node:path";
import type { PngImage } from "../../engine/formats/png.ts";
import { executeNotebook, NOTEBOOK, REQUIREMENTS, shownBy } from "../support/notebook.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "docs/notebooks/interactive.ipynb executes, and its pictures show something";
export const ci = true;
export const environments = [REQUIREMENTS];

export async function run({ folder, check }: AcceptanceContext): Promise<void> {
  const path = join(folder, "executed.ipynb");
  await executeNotebook(NOTEBOOK, path, folder);
  const [fresh, kept] = [await shownBy(path), await shownBy(NOTEBOOK)];
  const sizes = ({ pictures }: { pictures: readonly PngImage[] }) =>
    pictures.map(({ height, width }) => `${height}×${width}`).join(" ");
  check("pictures", sizes(fresh), `${sizes(kept)}, as committed`, sizes(fresh) === sizes(kept));
  const colours = Math.min(...fresh.pictures.map(colourCount));
  check("colours of the plainest picture", colours, "at least 32", colours >= 32);
  // The tissue at the seed, the first field of view, the whole object, the comparison.
  const [, first, whole] = fresh.pictures;
  const changed = first.data.filter((byte, i) => byte !== whole.data[i]).length / first.data.length;
  check("share of bytes that the flood changes", changed, "at least 0.05", changed >= 0.05);
  const [, steps] = /(\d+) fields of view/.exec(fresh.text) ?? [];
  check("fields of view", steps, "more than 10", Number(steps) > 10);
  const [, share] = /with the truth: ([\d.]+)/.exec(fresh.text) ?? [];
  check("intersection over union with the truth", share, "at least 0.7", Number(share) >= 0.7);
}

function colourCount({ data, channels }: PngImage): number {
  const colours = new Set<number>();
  for (let i = 0; i < data.length; i += channels) {
    colours.add((data[i] * 256 + data[i + 1]) * 256 + data[i + 2]);
  }
  return colours.size;
}
