import { strictEqual } from "node:assert/strict";
import { didYouMean, nearestName } from "../../engine/errors/suggest.ts";

Deno.test("nearestName() finds misspelt names and nothing for other words", () => {
  const names = ["image", "image_mean", "image_stddev", "masks"];
  strictEqual(nearestName("imge", names), "image");
  strictEqual(nearestName("IMAGE_SDTDEV", names), "image_stddev");
  strictEqual(nearestName("mask", names), "masks");
  strictEqual(nearestName("threshold", names), null);
  strictEqual(nearestName("", names), null);
  strictEqual(nearestName("x".repeat(1e6), names), null);
});

Deno.test("didYouMean() is empty without a near name", () => {
  strictEqual(didYouMean("maks", ["masks"]), ', did you mean "masks"');
  strictEqual(didYouMean("other", ["masks"]), "");
});
