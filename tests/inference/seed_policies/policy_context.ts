import { volumeOf, type Zyx } from "../../../engine/geometry/vectors.ts";
import { createSeedPolicy } from "../../../engine/inference/seed_policies/create_seed_policy.ts";
import type { SeedPolicyContext } from "../../../engine/inference/seed_policies/policy.ts";

/** A canvas of `size` with an image of zeros, no margin, no masks and no labels, changed by `parts`. */
export function contextOf(size: Zyx, parts: Partial<SeedPolicyContext> = {}): SeedPolicyContext {
  return {
    image: new Float32Array(volumeOf(size)),
    size,
    margin: [0, 0, 0],
    mask: null,
    seedMask: null,
    segmentation: new Int32Array(volumeOf(size)),
    corner: [0, 0, 0],
    loadOrigins: () => Promise.reject(new Error("Cannot load origins: this canvas has none")),
    ...parts,
  };
}

/** `[z, y, x]` array of `f(z, y, x)`. */
export function imageOf(size: Zyx, f: (z: number, y: number, x: number) => number): Float32Array {
  const image = new Float32Array(volumeOf(size));
  let i = 0;
  for (let z = 0; z < size[0]; z++) {
    for (let y = 0; y < size[1]; y++) {
      for (let x = 0; x < size[2]; x++) image[i++] = f(z, y, x);
    }
  }
  return image;
}

/** Everything that a policy yields, `[z, y, x]` each. */
export async function seedsOf(
  name: string,
  args: Record<string, unknown>,
  context: SeedPolicyContext,
): Promise<number[][]> {
  const policy = await createSeedPolicy(name, args, context);
  const seeds: number[][] = [];
  for (let seed = await policy.next(); seed; seed = await policy.next()) seeds.push([...seed]);
  return seeds;
}
