import type { Examination } from "./examine_gpu.ts";

const MARKS = { ok: "ok     ", note: "note   ", problem: "PROBLEM" } as const;

/** The text of `ffn doctor`: facts first, then findings, each with what to do about it. */
export function printExamination(examination: Examination): string {
  const { adapter, software, features, limits, attainable, vulkanDrivers } = examination;
  const lines = [
    `Deno      ${examination.deno} on ${examination.os}`,
    `Adapter   ${adapter ?? "none"}${software ? " (software)" : ""}`,
    `Drivers   ${vulkanDrivers.map((d) => d.library).join(", ") || "no Vulkan driver files seen"}`,
  ];
  if (adapter !== null) {
    lines.push(`Features  ${features.join(", ") || "none"}`);
    lines.push(`Reads     ${examination.readMode}`);
    for (const [name, value] of Object.entries(limits)) lines.push(`Limit     ${name} ${value}`);
  }
  for (const [name, value] of Object.entries(examination.environment)) {
    lines.push(`Variable  ${name}=${value}`);
  }
  if (attainable) {
    const sweep = attainable.fmaSweep.map((g) => g.toFixed(0)).join(" ");
    lines.push(`Reaches   ${attainable.gflops.toFixed(0)} GFLOP/s of f32 multiply-adds`);
    lines.push(`          by accumulators 1 to ${attainable.fmaSweep.length}: ${sweep}`);
    lines.push(`          ${attainable.copyGBps.toFixed(1)} GB/s copying (read plus written)`);
    lines.push(`          ${attainable.readMs.toFixed(2)} ms to submit and read 256 bytes`);
  }
  lines.push("");
  for (const { level, text, advice } of examination.findings) {
    lines.push(`${MARKS[level]} ${text}`);
    if (advice) lines.push(`        -> ${advice}`);
  }
  return lines.join("\n");
}
