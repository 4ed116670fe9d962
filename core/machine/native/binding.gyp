# The addon links the libunicorn that the set-up found: UNICORN_INCLUDE and UNICORN_LIB name its folders.
{
  "targets": [
    {
      "target_name": "bailiwick",
      "sources": ["engine.cc", "renew.cc", "calibrate.cc", "debug.cc", "fastpath.cc", "guest.cc", "machine.cc", "vcpu.cc", "registers.cc", "machine_mode.cc", "machine_csr.cc", "clint.cc", "watch.cc", "arguments.cc", "bind_engine.cc", "bind_machine.cc", "bind_ram.cc", "ram_image.cc", "file.cc", "module.cc"],
      "defines": ["NAPI_VERSION=8"],
      "include_dirs": ["<!(node -p \"process.env.UNICORN_INCLUDE || '/usr/include'\")"],
      "cflags_cc!": ["-std=gnu++17", "-fno-rtti"],
      "cflags_cc": ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden"],
      "libraries": [
        "-L<!(node -p \"process.env.UNICORN_LIB || '/usr/lib'\")",
        "-lunicorn",
        "-Wl,-rpath,<!(node -p \"process.env.UNICORN_LIB || '/usr/lib'\")",
      ],
    }
  ]
}
