# What the guest is busy with, by --exec: forks, a disk past its cache and through it, memory, a console.
i=0
while :; do
  n=0; while [ $n -lt 100 ]; do /bin/true; n=$((n + 1)); done
  dd if=/dev/vda of=/dev/null bs=64k iflag=direct 2>/dev/null
  dd if=/dev/zero of=/dev/vda bs=4k count=256 conv=fsync 2>/dev/null
  head -c 4194304 /dev/zero | md5sum >/dev/null
  i=$((i + 1)); echo "busy: round $i"
done
