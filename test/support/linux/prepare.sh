#!/bin/sh
# Makes the device tree and the initrd of boot.mjs: prepare.sh OUT. Needs gcc-riscv64-unknown-elf, device-tree-compiler, node.
set -eu
here=$(dirname "$0") out=$1
mkdir -p "$out"
dtc -q -O dtb -o "$out/virt.dtb" "$here/virt.dts"
riscv64-unknown-elf-gcc -O2 -Wall -Wextra -march=rv64gc -mabi=lp64d -ffreestanding -nostdlib -static -mno-relax -Wl,--no-relax,--no-warn-rwx-segments,-Ttext=0x10000 -o "$out/init" "$here/init.c"
node - "$out" <<'JS'
const fs = require("node:fs"), out = process.argv[2];
const parts = [];
const entry = (ino, name, mode, bytes, major = 0, minor = 0) => {
  const hex = (n) => n.toString(16).padStart(8, "0");
  const head = Buffer.from("070701" + [ino, mode, 0, 0, 1, 0, bytes.length, 0, 0, major, minor, name.length + 1, 0].map(hex).join("") + name + "\0");
  const pad = (b) => Buffer.concat([b, Buffer.alloc(-b.length & 3)]);
  parts.push(pad(head), pad(bytes));
};
entry(1, "dev", 0o40755, Buffer.alloc(0));
entry(2, "dev/kmsg", 0o20600, Buffer.alloc(0), 1, 11);
entry(3, "init", 0o100755, fs.readFileSync(out + "/init"));
entry(0, "TRAILER!!!", 0, Buffer.alloc(0));
fs.writeFileSync(out + "/initrd", Buffer.concat(parts));
JS
