/** Class codes of PCI display controllers: VGA, 3D. */
const DISPLAY = ["0x030000", "0x030200"];
const PCI_DEVICES = "/sys/bus/pci/devices";

/** PCI addresses of the graphics cards of this machine, in the order of the bus; none where that cannot be told. */
export async function graphicsCards(folder: string = PCI_DEVICES): Promise<string[]> {
  const cards: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      const code = await Deno.readTextFile(`${folder}/${name}/class`).catch(() => "");
      if (DISPLAY.includes(code.trim())) cards.push(name);
    }
  } catch {
    // Not Linux, or a container that does not show its bus.
  }
  return cards.sort();
}

/**
 * Environment that shows one graphics card to a process; WebGPU itself cannot be told which one to take. `template` is
 * `NAME=VALUE …`, in which `{i}` stands for the number of the card and `{pci}` for its address as Mesa's device layer
 * writes it (`pci-0000_3b_00_0`).
 *
 * @throws {RangeError} when the address is asked for and there is no such card.
 */
export function gpuEnvironment(
  template: string,
  gpu: number,
  cards: readonly string[],
): Record<string, string> {
  const needsCard = template.includes("{pci}");
  if (needsCard && gpu >= cards.length) {
    throw new RangeError(
      `Cannot start a worker on GPU ${gpu}: this machine shows ${cards.length} graphics cards on its bus; ` +
        "give --gpu-env with the variables that choose one here, as in --gpu-env 'CUDA_VISIBLE_DEVICES={i}'",
    );
  }
  const pci = needsCard ? `pci-${cards[gpu].replace(/[:.]/g, "_")}` : "";
  const pairs = template.split(/\s+/).filter((part) => part !== "").map((part) => {
    const [, name, value] = /^(\w+)=(.*)$/.exec(part) ?? [];
    if (name !== undefined) {
      return [name, value.replaceAll("{i}", `${gpu}`).replaceAll("{pci}", pci)];
    }
    throw new RangeError(
      `Cannot use --gpu-env "${template}": it must be NAME=VALUE separated by spaces, current part is "${part}"`,
    );
  });
  return Object.fromEntries(pairs);
}
