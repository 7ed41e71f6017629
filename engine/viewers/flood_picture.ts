import type { Zyx } from "../geometry/vectors.ts";
import { joinPlanes, withCrossHair } from "./plane_pictures.ts";
import type { OrthogonalPlanes, RgbPicture } from "./orthogonal_planes.ts";

/** Red, green and blue of a probability, 0 to 255, as the reference's notebook colours them. */
function colourOf(logit: number): [red: number, green: number, blue: number] {
  // Where the network has not looked.
  if (Number.isNaN(logit)) return [0, 0, 0];
  const v = 1 / (1 + Math.exp(-logit));
  return [250 * Math.sqrt(v), 250 * v ** 3, 250 * Math.sin(Math.PI * v)];
}

/**
 * Three planes of an object map in logits as the reference's notebook draws them: probabilities as colours from black over
 * magenta to yellow, lines through `centre`, and a red square there in the plane across z; black where there is no number, and
 * outside of the planes, which the reference takes for a probability of one half.
 *
 * @param planes Cut at `centre` (zyx).
 */
export function paintFlood(planes: OrthogonalPlanes, centre: Zyx): RgbPicture {
  const { height, width, data: logits } = joinPlanes(withCrossHair(planes, centre));
  const data = new Uint8Array(3 * height * width);
  const { yx } = planes, [, y, x] = centre;
  for (let i = 0; i < logits.length; i++) {
    const row = Math.floor(i / width), column = i % width;
    const isBetween = row === yx.height || column === yx.width;
    const isCorner = row > yx.height && column > yx.width;
    if (!isBetween && !isCorner) data.set(colourOf(Number(logits[i])), 3 * i);
  }
  for (let row = Math.max(0, y - 1); row <= Math.min(yx.height - 1, y + 1); row++) {
    for (let column = Math.max(0, x - 1); column <= Math.min(yx.width - 1, x + 1); column++) {
      data.set([255, 0, 0], 3 * (row * width + column));
    }
  }
  return { height, width, data };
}

/** Pictures beside each other, their tops in line, each pixel a square of `scale`; `gap` white pixels of the result between. */
export function tilePictures(
  pictures: readonly RgbPicture[],
  scale = 1,
  gap = 8,
): RgbPicture {
  const height = scale * Math.max(0, ...pictures.map((picture) => picture.height));
  const width = pictures.reduce((sum, picture) => sum + scale * picture.width, 0) +
    gap * Math.max(0, pictures.length - 1);
  const data = new Uint8Array(3 * height * width).fill(255);
  let left = 0;
  for (const picture of pictures) {
    for (let row = 0; row < scale * picture.height; row++) {
      for (let column = 0; column < scale * picture.width; column++) {
        const from = Math.floor(row / scale) * picture.width + Math.floor(column / scale);
        data.set(picture.data.subarray(3 * from, 3 * from + 3), 3 * (row * width + left + column));
      }
    }
    left += scale * picture.width + gap;
  }
  return { height, width, data };
}
