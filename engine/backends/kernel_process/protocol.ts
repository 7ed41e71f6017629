/** What the two ends of a kernel process say to each other. Requests are handled in order; `read` and `compile` are answered. */
import type { DType } from "../../formats/nd_array.ts";
import type { Shape } from "../../ops/op.ts";
import type { GraphText } from "./graph_text.ts";

/** From the parent. Tensors and programs are named by numbers that the parent gives out. */
export type Request =
  /** One compiled module to be; its bytes are the payload. */
  | { readonly kind: "module"; readonly name: string }
  /** All modules are there; answered when the threads wait for work. */
  | { readonly kind: "open"; readonly reply: number; readonly threads?: number }
  | {
    readonly kind: "allocate";
    readonly tensor: number;
    readonly shape: Shape;
    readonly dtype: DType;
    readonly label: string;
  }
  | { readonly kind: "write"; readonly tensor: number }
  | { readonly kind: "read"; readonly reply: number; readonly tensor: number }
  | {
    readonly kind: "compile";
    readonly reply: number;
    readonly program: number;
    readonly graph: GraphText;
  }
  | {
    readonly kind: "run";
    readonly program: number;
    readonly bindings: Readonly<Record<string, number>>;
  }
  | { readonly kind: "dispose"; readonly tensor?: number; readonly program?: number };

/** From the child; the payload of an answer to `read` is the tensor. */
export type Response =
  | { readonly kind: "done"; readonly reply: number; readonly description?: string }
  | { readonly kind: "failed"; readonly reply: number; readonly error: ErrorText }
  /** Sent now and then while there is work, so that a parent can tell slow from stuck. */
  | { readonly kind: "working"; readonly activity: string };

/** An error in words. */
export interface ErrorText {
  readonly name: string;
  readonly message: string;
  readonly label?: string;
}

/** How often a child with work reports what it is at. */
export const REPORT_INTERVAL_MS = 500;
