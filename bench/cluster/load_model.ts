import { createModel } from "../../engine/models/registry.ts";

/** The published network: 638,433 parameters, 2.55 MB. */
export const LOAD_MODEL = createModel("convstack_3d.ConvStack3DFFNModel", {
  depth: 12,
  fov_size: [33, 33, 33],
  deltas: [8, 8, 8],
});

/** All processes of a load test agree. */
export const IDENTITY = { load: "1" };
