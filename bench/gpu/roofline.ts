import type { GpuResult } from "./gpu_bench.ts";

const WIDTH = 860;
const HEIGHT = 520;
const FRAME = { left: 70, right: 250, top: 30, bottom: 50 };
const COLOURS = ["#1b6ca8", "#c0392b", "#1e8449", "#8e44ad", "#b9770e", "#34495e"];
/** Flops per byte at the ends of the horizontal axis. */
const INTENSITY = [0.1, 1000] as const;

/**
 * A roofline of every GPU: the attainable rate over flops per byte, and each kernel at its nominal rate. Nominal flops and
 * the least bytes are the op's own counts, so a Winograd kernel may stand above the roof.
 */
export function drawRoofline(results: readonly GpuResult[]): string {
  const rates = results.flatMap((r) => [
    r.attainable.gflops,
    ...r.variants.map((v) => v.nominalGflops),
  ]);
  const top = 10 ** Math.ceil(Math.log10(Math.max(...rates) * 1.5));
  const bottom = top / 1e5;
  const x = (intensity: number) => scale(intensity, INTENSITY, FRAME.left, WIDTH - FRAME.right);
  const y = (rate: number) =>
    scale(Math.max(rate, bottom), [bottom, top], HEIGHT - FRAME.bottom, FRAME.top);
  const parts = [...grid(x, y, bottom, top)];
  results.forEach((result, i) => {
    const colour = COLOURS[i % COLOURS.length];
    parts.push(
      ...roof(result, colour, x, y),
      ...points(result, colour, x, y),
      legend(result, colour, i),
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
${parts.join("\n")}
</svg>
`;
}

type Scale = (value: number) => number;

function scale(value: number, [from, to]: readonly [number, number], a: number, b: number): number {
  return a + (b - a) * Math.log(value / from) / Math.log(to / from);
}

function* grid(x: Scale, y: Scale, bottom: number, top: number): Generator<string> {
  for (let v: number = INTENSITY[0]; v <= INTENSITY[1] * 1.01; v *= 10) {
    yield `<line x1="${x(v)}" x2="${x(v)}" y1="${y(bottom)}" y2="${y(top)}" stroke="#ddd"/>`;
    yield text(x(v), y(bottom) + 18, String(Number(v.toPrecision(1))), "middle");
  }
  for (let v = bottom; v <= top * 1.01; v *= 10) {
    yield `<line x1="${x(INTENSITY[0])}" x2="${x(INTENSITY[1])}" y1="${y(v)}" y2="${
      y(v)
    }" stroke="#ddd"/>`;
    yield text(FRAME.left - 8, y(v) + 4, String(Number(v.toPrecision(1))), "end");
  }
  yield text((x(INTENSITY[0]) + x(INTENSITY[1])) / 2, HEIGHT - 10, "flops per byte", "middle");
  yield text(10, 18, "GFLOP/s", "start");
}

function* roof({ attainable }: GpuResult, colour: string, x: Scale, y: Scale): Generator<string> {
  const { gflops, copyGBps } = attainable;
  const ridge = Math.min(Math.max(gflops / copyGBps, INTENSITY[0]), INTENSITY[1]);
  const corners = [
    [INTENSITY[0], Math.min(gflops, copyGBps * INTENSITY[0])],
    [ridge, gflops],
    [INTENSITY[1], gflops],
  ];
  const path = corners.map(([i, r]) => `${x(i)},${y(r)}`).join(" ");
  yield `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`;
}

function* points({ variants }: GpuResult, colour: string, x: Scale, y: Scale): Generator<string> {
  for (const { name, nominalFlops, bytes, nominalGflops } of variants) {
    const intensity = Math.min(Math.max(nominalFlops / bytes, INTENSITY[0]), INTENSITY[1]);
    yield `<circle cx="${x(intensity)}" cy="${y(nominalGflops)}" r="4" fill="${colour}"><title>${
      escaped(name)
    }: ${nominalGflops.toFixed(0)} GFLOP/s</title></circle>`;
  }
}

function legend({ device }: GpuResult, colour: string, place: number): string {
  const at = FRAME.top + 18 * place;
  const left = WIDTH - FRAME.right + 15;
  return `<rect x="${left}" y="${at - 9}" width="10" height="10" fill="${colour}"/>${
    text(left + 16, at, device, "start")
  }`;
}

function text(x: number, y: number, content: string, anchor: string): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replace(/&/g, "&amp;").replace(/</g, "&lt;");
}
