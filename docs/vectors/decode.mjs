// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The reuse-edge authors
// Reads what the uplink sends (docs/UPLINK.md). d: Buffer. Values as in the JSON form: bytes {x}, large integers {n}.
import { createHmac, timingSafeEqual } from "node:crypto";

const fail = (why) => { throw new Error(why); };
const exact = (n) => (n > -(2n ** 53n) && n < 2n ** 53n ? Number(n) : { n: `${n}` });
const whole = (v, low, high) => {
  const n = BigInt(typeof v === "number" ? v : v?.n ?? fail("no integer"));
  return n >= low && n <= high ? n : fail(`${n} is out of range`);
};
function head(d, at) { // [major type, number, index after it]: only the shortest form
  if (at >= d.length) fail("cut short");
  const major = d[at] >> 5, low = d[at] & 31, size = low < 24 ? 0 : 1 << (low - 24);
  if (low > 27 || (major > 5 && low > 22) || at + 1 + size > d.length) fail("no head");
  const n = size ? BigInt(`0x${d.subarray(at + 1, at + 1 + size).toString("hex")}`) : BigInt(low);
  return size && n < [24n, 256n, 65536n, 4294967296n][low - 24] ? fail("padded") : [major, n, at + 1 + size];
}
function item(d, at, depth = 0) { // [value, index after it]
  const [major, n, from] = head(d, at), end = from + Number(n);
  if (major < 2) return [exact(major ? -1n - n : n), from];
  if (major === 7) return n < 20n ? fail("simple value") : [[false, true, null][Number(n) - 20], from];
  if (major === 6 || end > d.length || (major > 3 && depth >= 8)) fail("tag, cut short or too deep");
  if (major === 2) return [{ x: d.subarray(from, end).toString("hex") }, end];
  if (major === 3) return [new TextDecoder("utf-8", { fatal: true }).decode(d.subarray(from, end)), end];
  const made = major === 4 ? [] : {};
  for (let i = 0, next = from, last = d.subarray(0, 0); i < Number(n); i++) {
    let key = i, start = next;
    if (major === 5) [key, next] = item(d, next);
    if (major === 5 && (typeof key !== "number" || d.compare(last, 0, last.length, start, next) <= 0)) fail("key");
    last = d.subarray(start, next);
    [made[key], next] = item(d, next, depth + 1);
    at = next;
  }
  return [made, n ? at : from];
}
export const decode = (d) => ((found) => (found[1] === d.length ? found[0] : fail("bytes after it")))(item(d, 0));
export function record(v) { // decoded, or parsed JSON: the numbers that it declares lost; throws when it is no record
  [[0, 1, 1], [1, 0, MOST], [2, 1, MOST], [3, 0, MOST], [4, -MOST, MOST], [5, -MOST, MOST], [6, 0, 255], [7, 0, 127],
    [8, -1, 65535]].forEach(([key, low, high]) => key === 5 && v[5] === undefined || whole(v[key], low, high));
  if (!"EXBMTI".includes(String.fromCharCode(v[7])) || v[9]?.constructor !== Object) fail("no body or class");
  const ends = v[9][70] === undefined ? [] : v[9][195] ?? [v[9][70], v[9][71]], ranges = [];
  ends.forEach((end, i) => whole(end, i ? whole(ends[i - 1], 1, MOST) + BigInt(1 - (i % 2)) : 1, MOST));
  for (let i = 0; i < ends.length; i += 2) ranges.push([ends[i], ends[i + 1] ?? fail("half a range")]);
  return { epoch: v[9][194] ?? v[1], ranges };
}
export function acknowledgement(d, device, key) { // what the device reads out of it; throws when it is not genuine
  const v = decode(d), name = Buffer.from(device), parts = [d.subarray(0, 1)];
  parts.push(Buffer.from(name.length < 24 ? [0, 0x60 + name.length] : [0, 0x78, name.length]), name);
  for (let at = 1, end; at < d.length; at = end) {
    end = item(d, item(d, at)[1])[1];
    if (d[at] !== 5) parts.push(d.subarray(at, end));
  }
  const code = createHmac("sha256", key).update(Buffer.concat(parts)).digest().subarray(0, 16);
  if (!timingSafeEqual(code, Buffer.from(v[5].x, "hex"))) fail("not genuine");
  return { epoch: v[1], upto: v[2], at_ms: v[3] ?? null, credit: v[4] ?? null };
}
const MOST = 2n ** 63n - 1n;
