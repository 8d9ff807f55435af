// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The reuse-edge authors
//
// stdin: a JSON list of [kind, payload in hex]. stdout: a JSON list of what sparkplug-payload reads in them; numbers of
// 64 bits as text. NODE_MODULES names the folder that holds it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const codec = createRequire(process.env.NODE_MODULES + "/")("sparkplug-payload").get("spBv1.0");
const plain = (value) => (value && typeof value === "object" && "low" in value ? value.toString() : value ?? null);
const read = (hex) => {
  const payload = codec.decodePayload(Buffer.from(hex, "hex"));
  const metrics = (payload.metrics ?? []).map((m) => ({
    name: m.name ?? null,
    type: m.type ?? null,
    value: plain(m.value),
    at: plain(m.timestamp),
    unit: m.properties?.engUnit?.value ?? null,
  }));
  return { at: plain(payload.timestamp), seq: plain(payload.seq), metrics };
};
const rows = JSON.parse(readFileSync(0, "utf-8"));
process.stdout.write(JSON.stringify(rows.map(([, hex]) => read(hex))));
