/** WebGPU without a GPU: the software Vulkan that Debian's package chromium brings, and libvulkan1, which loads it. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ICD = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Whether the dynamic linker knows Vulkan's loader. */
function hasLoader(): boolean {
  return spawnSync('ldconfig', ['-p'], { encoding: 'utf8' }).stdout?.includes('libvulkan.so.1') ?? false;
}

let runtimeFolder: string | undefined;

/**
 * The environment of a process in which onnxruntime-node finds it; undefined where it is not installed. The loader
 * reads these before the process begins, so WebGPU in Node is tested in child processes.
 */
export function softwareVulkan(): Record<string, string> | undefined {
  if (!existsSync(ICD) || !hasLoader()) return undefined;
  runtimeFolder ??= mkdtempSync(join(tmpdir(), 'gan-onnx-xdg-'));
  return { VK_DRIVER_FILES: ICD, VK_ICD_FILENAMES: ICD, XDG_RUNTIME_DIR: runtimeFolder };
}
