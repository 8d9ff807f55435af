// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The reuse-edge authors
// node docs/vectors/check.mjs: decode.mjs against the vectors beside it. Prints how many of them agreed.
import { deepStrictEqual, throws } from "node:assert";
import { readFileSync } from "node:fs";
import { acknowledgement, decode, record } from "./decode.mjs";

const load = (name) => JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), "utf8"));
const bytes = (hex) => Buffer.from(hex, "hex");
let count = 0;
for (const name of ["records", "gaps", "replies"]) {
  for (const { hex, value, lost } of load(name).vectors) {
    deepStrictEqual(decode(bytes(hex)), value);
    if (name !== "replies") deepStrictEqual(record(value), lost ?? { epoch: value[1], ranges: [] });
    count++;
  }
}
const { device, key, vectors } = load("acks");
for (const { name, hex, told } of vectors) {
  const read = () => acknowledgement(bytes(hex), device, bytes(key));
  if (told) deepStrictEqual(read(), told);
  else throws(read, undefined, name);
  count++;
}
for (const { name, hex, text } of load("bad").vectors) {
  throws(() => record(text === undefined ? decode(bytes(hex)) : JSON.parse(text)), undefined, name);
  count++;
}
console.log(`${count} vectors agree`);
