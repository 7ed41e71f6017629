import { deepStrictEqual, ok } from "node:assert/strict";
import { softMask } from "../../engine/inference/soft_mask.ts";

Deno.test("softMask() draws a ball around each voxel, and keeps away from 0 and 1", () => {
  const drawn = new Uint8Array(9 ** 3);
  drawn[(4 * 9 + 4) * 9 + 4] = 7;
  const mask = softMask(drawn, [9, 9, 9], 2, 0);
  const [low, high] = [Math.fround(0.05), Math.fround(0.95)];
  mask.forEach((v, i) => {
    const [z, y, x] = [Math.floor(i / 81) - 4, Math.floor(i / 9) % 9 - 4, i % 9 - 4];
    deepStrictEqual(v, z * z + y * y + x * x <= 4 ? high : low, `${z} ${y} ${x}`);
  });
});

Deno.test("softMask() blurs as scipy.ndimage.gaussian_filter does, mirrored at the faces", () => {
  // gaussian_filter of [1, 0, 0, 0, 0, 0] along x with sigma 1.
  const wanted = [0.640915, 0.295963, 0.058423, 0.004566, 0.000134, 0];
  const drawn = Uint8Array.of(1, 0, 0, 0, 0, 0);
  const mask = softMask(drawn, [1, 1, 6], 0, 1);
  mask.forEach((v, i) => {
    const clipped = Math.min(0.95, Math.max(0.05, wanted[i]));
    ok(Math.abs(v - clipped) < 1e-6, `${i}: ${v}, wanted ${clipped}`);
  });
});
