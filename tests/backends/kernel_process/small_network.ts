/** A small conv stack with seeded weights on any backend. */
import type { Backend, Program, Tensor } from "../../../engine/backends/backend.ts";
import { elementCount } from "../../../engine/formats/nd_array.ts";
import { createModel } from "../../../engine/models/registry.ts";
import { seededRandom } from "../../support/random.ts";

/** Depth 3, 8 features, field of view 9³. */
export class ConvStack3D implements AsyncDisposable {
  private constructor(
    readonly backend: Backend,
    readonly program: Program,
    readonly bindings: Record<string, Tensor>,
  ) {}

  static async open(backend: Backend): Promise<ConvStack3D> {
    const model = createModel("convstack_3d.ConvStack3DFFNModel", {
      depth: 3,
      features: 8,
      fov_size: [9, 9, 9],
      deltas: [2, 2, 2],
    });
    const graph = model.build(1);
    const program = await backend.compile(graph);
    const bindings: Record<string, Tensor> = {};
    const random = seededRandom(1);
    for (const [name, value] of [...graph.inputs, ...graph.parameters, ...graph.outputs]) {
      bindings[name] = backend.allocate(value.shape, value.dtype, name);
      if (graph.outputs.has(name)) continue;
      backend.write(
        bindings[name],
        Float32Array.from({ length: elementCount(value.shape) }, () => random() - 0.5),
      );
    }
    return new ConvStack3D(backend, program, bindings);
  }

  get logits(): Tensor {
    return this.bindings.logits;
  }

  readOnce(): Promise<Float32Array> {
    this.backend.run(this.program, this.bindings);
    return this.backend.read<Float32Array>(this.logits);
  }

  async predict(): Promise<Float32Array> {
    for (;;) {
      try {
        return await this.readOnce();
      } catch (error) {
        if (!(error as { recovered?: boolean }).recovered) throw error;
      }
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.program.dispose();
    Object.values(this.bindings).forEach((tensor) => tensor.dispose());
    return Promise.resolve();
  }
}
