/** What a launcher in this room hands to a GPU backend: dispatches as data. Nothing here touches a device. */
import type { Call } from "../engine/ops/op.ts";
import type { Layout } from "./layout.ts";

/** Number of dispatched workgroups along x, y and z. */
export type Workgroups = readonly [x: number, y: number, z: number];

/** Limits and features that decide which variant can run. */
export interface DeviceProfile {
  /** Bytes that one binding may span. */
  readonly maxBindingBytes: number;
  /** Workgroups per dimension of a dispatch. */
  readonly maxWorkgroups: number;
  /** Activations and packed weights are stored as f16 (sums stay f32). */
  readonly halfStorage: boolean;
  /** Lanes of the smallest subgroup; 0 where subgroups cannot be used. */
  readonly subgroupSize: number;
}

/** A buffer as a launcher sees it. */
export type Operand =
  /** Input or output of the call. */
  | { readonly kind: "input" | "output"; readonly index: number }
  /** Memory that the call needs while it runs, shared with other calls. */
  | { readonly kind: "scratch"; readonly name: string }
  /** Memory made from parameters by the preparing launches and kept. */
  | { readonly kind: "packed"; readonly name: string };

/** One dispatch. `bindings` are storage buffers 0, 1, …; Params is the uniform after them. */
export interface Launch {
  readonly label: string;
  /** WGSL before `specialize`. */
  readonly source: string;
  readonly constants: Readonly<Record<string, number | boolean | string>>;
  readonly bindings: readonly { readonly operand: Operand; readonly write?: boolean }[];
  /** The Params struct: u32 members in order, f32 members as their bits. */
  readonly params: Uint32Array<ArrayBuffer>;
  readonly workgroups: Workgroups;
}

/** Everything one call of a graph runs. */
export interface Plan {
  /** Bytes of each scratch buffer. */
  readonly scratch: Readonly<Record<string, number>>;
  /** Bytes of each packed buffer. */
  readonly packed: Readonly<Record<string, number>>;
  /** Run when a parameter was written, before `launches`. */
  readonly prepare: readonly Launch[];
  readonly launches: readonly Launch[];
}

/** A call together with where its arrays lie. */
export interface PlacedCall {
  readonly call: Call;
  readonly inputs: readonly Layout[];
  readonly outputs: readonly Layout[];
}

/** One way to run an op. */
export interface Variant {
  readonly name: string;
  supports(placed: PlacedCall, profile: DeviceProfile): boolean;
  plan(placed: PlacedCall, profile: DeviceProfile): Plan;
}

/** The kernels of one op, the preferred variant first among those that support a call. */
export interface Launcher {
  readonly variants: readonly Variant[];
  /** Inputs and outputs that are weights: they lie in C order, however many axes they have. */
  readonly plain?: { readonly inputs?: readonly number[]; readonly outputs?: readonly number[] };
}

/** Threads of a workgroup in every kernel of this room. */
export const WORKGROUP = 64;

/** Workgroups that cover `items` threads. */
export function groupsFor(items: number, perGroup: number = WORKGROUP): number {
  return Math.ceil(items / perGroup);
}

/** Workgroups along one axis of a dispatch that every device grants. */
const LONGEST_ROW = 65535;

/** Workgroups that cover `items` threads in rows; thread number `id.y * groups.x * WORKGROUP + id.x`. For arrays as long as weights. */
export function rowsFor(items: number): Workgroups {
  const groups = groupsFor(items);
  const rows = Math.ceil(groups / LONGEST_ROW);
  return [Math.ceil(groups / rows), rows, 1];
}

/** Params of u32 members. */
export function words(...values: number[]): Uint32Array<ArrayBuffer> {
  return Uint32Array.from(values);
}

/** Bits of an f32 member of Params. */
export function floatBits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}
