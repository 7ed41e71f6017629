import { match, ok } from "node:assert/strict";
import { examineGpu } from "../../engine/commands/examine_gpu.ts";
import { printExamination } from "../../engine/commands/print_examination.ts";
import { testWith } from "../support/resources.ts";

testWith("gpu", "ffn doctor measures what the adapter reaches", async () => {
  const examination = await examineGpu({ measure: true });
  const { attainable } = examination;
  ok(attainable && attainable.fmaSweep.length === 12);
  ok(attainable.gflops > 1 && attainable.copyGBps > 0.1 && attainable.readMs < 50);
  const text = printExamination(examination);
  match(text, /GFLOP\/s of f32 multiply-adds/);
  match(text, /maxStorageBufferBindingSize \d+/);
});
