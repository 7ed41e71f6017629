import { addZyx } from "../engine/geometry/vectors.ts";
import { hasFilling, type Layout, spatialShape } from "./layout.ts";
import type { Place, Step } from "./launcher.ts";

/** The zeros of a layout that lies at `place` and where something else was; nothing where it has none. */
export function clearStep(layout: Layout, place: Place): Step | null {
  const { shape, halo, pitch } = layout;
  if (!hasFilling(layout)) return null;
  const inside = spatialShape(shape);
  const full = addZyx(addZyx(halo.before, inside), halo.after);
  return {
    kernel: "clear_halo",
    args: [...full, ...halo.before, ...inside, shape[4], pitch, place],
    items: shape[0] * full[0] * full[1],
  };
}
