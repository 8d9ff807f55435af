// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The reuse-edge authors
// Runs memory_inner.py in the 32-bit MicroPython VM in WebAssembly: node memory_wasm.mjs PACKAGE FOLDER WARM MEASURED
// [GROUPS]. GROUPS: file with [[room, names of its modules], ...] in JSON; then only what each room keeps is told
import fs from "fs";
import path from "path";

const [, , home, folder, warm, measured, groups] = process.argv;
const place = path.join(home, "node_modules/@micropython/micropython-webassembly-pyscript/micropython.mjs");
const { loadMicroPython } = await import(place);
const vm = await loadMicroPython({ heapsize: 8 << 20, stdout: (line) => console.log(line), linebuffer: true });

function copy(from, to) {
    vm.FS.mkdir(to);
    for (const each of fs.readdirSync(from, { withFileTypes: true })) {
        const source = path.join(from, each.name);
        if (each.isDirectory()) copy(source, `${to}/${each.name}`);
        else vm.FS.writeFile(`${to}/${each.name}`, fs.readFileSync(source));
    }
}

// what was done is collected only between two calls
function run(code) {
    vm.runPython("import gc; gc.collect()");
    vm.runPython(code);
}

copy(path.join(folder, "code"), "/code");
vm.FS.writeFile("/frames", fs.readFileSync(path.join(folder, "frames")));
vm.FS.writeFile("/code/memory_inner.py", fs.readFileSync(new URL("memory_inner.py", import.meta.url)));
run("import sys; sys.path.insert(0, '/code'); import memory_inner");
run("made = memory_inner.Measured('/frames')");
if (groups) {
    for (const [room, names] of JSON.parse(fs.readFileSync(groups))) {
        run("made.room_begins()");
        for (const name of names) run(`import ${name}`);
        run(`made.told("${room}")`);
    }
    process.exit(0);
}
run("made.code()");
run("made.told('code')");
run("made.modules()");
run("made.begin()");
run("made.told('started')");
run(`made.steps(${warm}, False)`);
run("made.forget()");
run("made.told('running')");
run(`made.steps(${measured}, False)`);
run("made.steps_told()");
