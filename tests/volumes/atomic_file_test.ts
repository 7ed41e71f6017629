import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { writeFileAtomically } from "../../engine/volumes/atomic_file.ts";

const text = (s: string) => new TextEncoder().encode(s);

async function inTemporaryFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const listing = (folder: string) => [...Deno.readDirSync(folder)].map((e) => e.name).sort();

Deno.test("writeFileAtomically() creates parent folders and replaces the old content", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/a/b/file.bin`;
    await writeFileAtomically(path, text("a long first content"));
    await writeFileAtomically(path, text("second"));
    strictEqual(await Deno.readTextFile(path), "second");
    deepStrictEqual(listing(`${folder}/a/b`), ["file.bin"]);
  }));

Deno.test("writeFileAtomically() concatenates the chunks of an iterable", () =>
  inTemporaryFolder(async (folder) => {
    async function* chunks() {
      yield text("one ");
      await Promise.resolve();
      yield new Uint8Array(0);
      yield text("two");
    }
    await writeFileAtomically(`${folder}/f`, chunks());
    strictEqual(await Deno.readTextFile(`${folder}/f`), "one two");
  }));

Deno.test("writeFileAtomically() shows other readers only the old content until it is done", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/f`;
    await writeFileAtomically(path, text("old"));
    const seen: string[] = [];
    async function* chunks() {
      for (const part of ["ne", "w"]) {
        yield text(part);
        seen.push(await Deno.readTextFile(path));
      }
    }
    await writeFileAtomically(path, chunks());
    deepStrictEqual([...seen, await Deno.readTextFile(path)], ["old", "old", "new"]);
  }));

Deno.test("writeFileAtomically() keeps the old file and leaves nothing behind when the source fails", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/f`;
    await writeFileAtomically(path, text("old"));
    async function* chunks() {
      yield text("half");
      await Promise.reject(new RangeError("source broke"));
    }
    await rejects(writeFileAtomically(path, chunks()), {
      name: "RangeError",
      message: "source broke",
    });
    strictEqual(await Deno.readTextFile(path), "old");
    deepStrictEqual(listing(folder), ["f"]);
  }));

Deno.test("writeFileAtomically() stops at an aborted signal", () =>
  inTemporaryFolder(async (folder) => {
    const signal = AbortSignal.abort();
    await rejects(writeFileAtomically(`${folder}/f`, text("x"), { signal }), {
      name: "AbortError",
    });
    deepStrictEqual(listing(folder), []);
  }));

Deno.test("writeFileAtomically() names the path when the system refuses", () =>
  inTemporaryFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const path = `${folder}/file/below`;
    await rejects(
      writeFileAtomically(path, text("x")),
      (error: Error) => error.message.startsWith(`Cannot write "${path}": `),
    );
  }));

Deno.test("writeFileAtomically() lets one of two concurrent writers win whole", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/f`;
    const contents = ["a", "b", "c", "d"].map((c) => c.repeat(100_000));
    await Promise.all(contents.map((c) => writeFileAtomically(path, text(c))));
    strictEqual(contents.includes(await Deno.readTextFile(path)), true);
    deepStrictEqual(listing(folder), ["f"]);
  }));

Deno.test("writeFileAtomically() leaves the old file or the new one when the process is killed", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/f`;
    const module = new URL("../../engine/volumes/atomic_file.ts", import.meta.url).href;
    // Writes 4 MiB of one byte value after the other, for ever.
    const source = `
      import { writeFileAtomically } from ${JSON.stringify(module)};
      for (let n = 0;; n = (n + 1) % 256) {
        await writeFileAtomically(${JSON.stringify(path)}, new Uint8Array(1 << 22).fill(n));
        if (n === 0) console.log("written");
      }`;
    for (let kill = 0; kill < 5; kill++) {
      const child = new Deno.Command(Deno.execPath(), {
        args: ["eval", source],
        stdout: "piped",
        stderr: "null",
      }).spawn();
      const output = child.stdout.getReader();
      await output.read();
      await new Promise((resolve) => setTimeout(resolve, 7 * kill));
      child.kill("SIGKILL");
      await child.status;
      await output.cancel();
      const bytes = await Deno.readFile(path);
      strictEqual(bytes.length, 1 << 22);
      strictEqual(bytes.every((value) => value === bytes[0]), true);
    }
  }));
