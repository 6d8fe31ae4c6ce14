#!/usr/bin/env bash
# The package as its users get it: packed, installed into an empty folder from the npm registry alone, and used there,
# by command and by import.
set -euo pipefail
cd "$(dirname "$0")/../.."
repository=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
tarball=$(npm pack --silent --pack-destination "$folder" | tail -n 1)
cd "$folder"
npm init --yes >/dev/null
# What the README tells a project that depends on gan-onnx.
echo 'onnxruntime-node-install=skip' >.npmrc
npm install --silent --no-audit --no-fund "./$tarball"
npx --no-install gan-onnx --version
npx --no-install gan-onnx train --max-steps 3 --out run 2>/dev/null
npx --no-install gan-onnx sample run/generator.onnx --count 4 --out samples.png 2>/dev/null
test -s samples.png
# As the README starts an installed package under MPI.
if command -v mpiexec.hydra >/dev/null; then
  mpiexec.hydra -n 2 node_modules/.bin/gan-onnx train --max-steps 3 --out together 2>/dev/null
  test -s together/complete.json
fi
npx --no-install gan-onnx embed run/generator.onnx --out page 2>/dev/null
test -s page/gan-sampler.js -a -s page/ort-wasm-simd-threaded.wasm
node_modules/.bin/gan-onnx playground >address.txt &
server=$!
for _ in $(seq 50); do grep -q http address.txt && break || sleep 0.2; done
address=$(grep -o 'http://[^ ]*' address.txt)
for file in '' playground.js training-worker.js ort/ort.wasm.min.mjs ort/ort-wasm-simd-threaded.wasm page/gan-sampler.js; do
  node -e 'fetch(process.argv[1]).then(({ ok }) => process.exit(ok ? 0 : 1))' "$address$file"
done
kill -TERM "$server"
wait "$server" || true
cat >use.mjs <<'JS'
import * as all from 'gan-onnx';
import { GANS } from 'gan-onnx/export';
import { Generator } from 'gan-onnx/infer';
import { train } from 'gan-onnx/train';
const generator = await Generator.load('run/generator.onnx');
const { shape, data } = await generator.sample({ count: 2, seed: 1 });
if (data.length !== 2 * 784 || shape.join() !== '1,28,28') throw new Error('unexpected samples');
if (!GANS['pytorch-gan'] || all.train !== train) throw new Error('unexpected exports');
console.log('imports work');
JS
node use.mjs

# The same library for a page, as a bundler takes it.
cat >page.mjs <<'JS'
import 'gan-onnx/gan-sampler';
import { Generator } from 'gan-onnx/infer';
document.title = String((await Generator.load('generator.onnx')).description.image);
JS
echo '<!doctype html><script type="module" src="page.mjs"></script>' >index.html
echo 'export default { worker: { format: "es" }, build: { target: "es2022" }, logLevel: "warn" };' >vite.config.mjs
node "$repository/node_modules/vite/bin/vite.js" build --outDir bundled
test -n "$(find bundled -name 'web-worker*.js')" -a -n "$(find bundled -name '*.wasm')"
if grep -qs 'vite-browser-external' bundled/assets/*.js; then
  echo 'the bundle for a page has parts of Node in it' >&2
  exit 1
fi
echo 'a bundler takes it'
