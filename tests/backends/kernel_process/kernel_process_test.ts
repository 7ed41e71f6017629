import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { kernelProcessArguments } from "../../../engine/backends/kernel_process/connection.ts";
import { openKernelProcess } from "../../../engine/backends/kernel_process/kernel_process.ts";
import { openWasmBackend } from "../../../engine/backends/wasm/wasm_backend.ts";
import type { Backend } from "../../../engine/backends/backend.ts";
import { KernelError } from "../../../engine/errors/errors.ts";
import { ConvStack3D } from "./small_network.ts";

Deno.test("openKernelProcess() predicts the same bytes as the backend in this process", async () => {
  await using inside = await openWasmBackend({ threads: 2 });
  await using outside = await openKernelProcess({ threads: 2 });
  ok(outside.description.includes("2 threads"), outside.description);
  deepStrictEqual(await predictWith(outside), await predictWith(inside));
});

Deno.test("openKernelProcess() goes on with a new child when one is killed between and during predictions", async () => {
  const restarts: string[] = [];
  await using backend = await openKernelProcess({ threads: 1, onRestart: (m) => restarts.push(m) });
  await using network = await ConvStack3D.open(backend);
  const first = await network.predict();
  killChildren();
  deepStrictEqual(await network.predict(), first);
  const during = network.predict();
  killChildren();
  deepStrictEqual(await during, first);
  strictEqual(restarts.length, 2);
  ok(/ended by SIGKILL.*starting another one/.test(restarts[0]), restarts[0]);
});

Deno.test("openKernelProcess() says that results were lost with a child, once it has been replaced", async () => {
  let restarted = () => {};
  const restart = new Promise<void>((resolve) => restarted = resolve);
  await using backend = await openKernelProcess({ threads: 1, onRestart: () => restarted() });
  await using network = await ConvStack3D.open(backend);
  await network.predict();
  killChildren();
  await restart;
  await rejects(() => backend.read(network.logits), KernelError);
});

Deno.test("openKernelProcess() kills a child that makes no progress, and gives up after some", async () => {
  await using backend = await openKernelProcess({ threads: 1, stallMs: 400 });
  await using network = await ConvStack3D.open(backend);
  const stopped = childProcesses();
  stopped.forEach((pid) => Deno.kill(pid, "SIGSTOP"));
  const reading = network.readOnce();
  await rejects(reading, /made no progress for 0 s/);
});

Deno.test("openKernelProcess() does not count time in which this process and its child were stopped", async () => {
  await using backend = await openKernelProcess({ threads: 1, stallMs: 400 });
  await using network = await ConvStack3D.open(backend);
  const expected = await network.readOnce();
  childProcesses().forEach((pid) => Deno.kill(pid, "SIGSTOP"));
  const reading = network.readOnce();
  await new Promise((resolve) => setTimeout(resolve, 10));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
  childProcesses().forEach((pid) => Deno.kill(pid, "SIGCONT"));
  deepStrictEqual(await reading, expected);
});

Deno.test("a program that runs as a kernel process does is refused files, sockets, the environment and programs", async () => {
  const entry = new URL("./permission_probe.ts", import.meta.url).href;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: kernelProcessArguments(entry),
  }).output();
  deepStrictEqual(JSON.parse(new TextDecoder().decode(stdout)), {
    readFile: "NotCapable",
    writeFile: "NotCapable",
    connect: "NotCapable",
    listen: "NotCapable",
    environment: "NotCapable",
    hostname: "NotCapable",
    spawn: "NotCapable",
    dlopen: "NotCapable",
  });
});

Deno.test("a kernel process that was given a permission refuses to start", async () => {
  const child = new URL("../../../engine/backends/kernel_process/child.ts", import.meta.url).href;
  const args = kernelProcessArguments(child);
  const process = new Deno.Command(Deno.execPath(), {
    args: [args[0], "--allow-env", ...args.slice(1)],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const { encodeFrame } = await import("../../../engine/backends/kernel_process/frames.ts");
  const writer = process.stdin.getWriter();
  for (const piece of encodeFrame({ kind: "open", reply: 0 })) {
    await writer.write(piece as Uint8Array<ArrayBuffer>);
  }
  await writer.close();
  const { stdout } = await process.output();
  ok(/must have no permission, it has env/.test(new TextDecoder().decode(stdout)));
});

async function predictWith(backend: Backend): Promise<Float32Array> {
  await using network = await ConvStack3D.open(backend);
  return await network.predict();
}

/** Process numbers of this process's children that run the kernel process program. */
function childProcesses(): number[] {
  return [...Deno.readDirSync("/proc")].map((entry) => Number(entry.name)).filter((pid) => {
    if (!Number.isInteger(pid)) return false;
    try {
      const parent = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1].split(" ")[1];
      return Number(parent) === Deno.pid &&
        Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes("kernel_process/child.ts");
    } catch {
      return false; // It ended meanwhile.
    }
  });
}

function killChildren(): void {
  const children = childProcesses();
  strictEqual(children.length, 1);
  children.forEach((pid) => Deno.kill(pid, "SIGKILL"));
}
