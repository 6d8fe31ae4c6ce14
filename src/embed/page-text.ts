/** The page around `<gan-sampler>` as text: what `gan-onnx embed` writes, and what the playground gives its visitors. */

export const PAGE_STYLE = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 32rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; }
`;

/** The element and its worker, as the build bundles them. */
export const ELEMENT_FILES: readonly string[] = ['gan-sampler.js', 'gan-sampler-worker.js'];

const WASM_FILES = ['ort.wasm.min.mjs', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'];
const WEBGPU_FILES = [
  'ort.webgpu.min.mjs',
  'ort-wasm-simd-threaded.asyncify.mjs',
  'ort-wasm-simd-threaded.asyncify.wasm',
];

/** ONNX Runtime's files that a page needs for each device. */
export const RUNTIME_FILES = {
  auto: [...WASM_FILES, ...WEBGPU_FILES],
  wasm: WASM_FILES,
  webgpu: WEBGPU_FILES,
} satisfies Record<string, readonly string[]>;

export type EmbedDevice = keyof typeof RUNTIME_FILES;

/** All that the page needs, and nothing else: the one style is named by what it says. */
function policy(styleHash: string): string {
  return [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    "connect-src 'self'",
    `style-src 'sha256-${styleHash}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/** Text inside HTML. */
function escaped(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (character) => entities[character]!);
}

/**
 * index.html of a page with one generator, generator.onnx beside it.
 *
 * @param attributes of the element, in order; an empty value stands for an attribute without one
 * @param styleHash SHA-256 of PAGE_STYLE in base 64
 */
export function pageText(
  title: string,
  attributes: readonly (readonly [name: string, value: string])[],
  styleHash: string,
): string {
  const all = attributes.map(([name, value]) => (value === '' ? name : `${name}="${escaped(value)}"`));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="${policy(styleHash)}">
<title>${escaped(title)}</title>
<style>${PAGE_STYLE}</style>
<script type="module" src="gan-sampler.js"></script>
<main>
<h1>${escaped(title)}</h1>
<gan-sampler ${all.join(' ')}></gan-sampler>
</main>
</html>
`;
}
