#!/usr/bin/env bash
# The package as its users get it: packed, installed into an empty folder from the npm registry alone, and used there,
# by command and by import.
set -euo pipefail
cd "$(dirname "$0")/../.."
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
