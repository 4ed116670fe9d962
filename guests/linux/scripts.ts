// The scripts inside the initramfs: init, the shell's profile, the benchmark's workload. They use BusyBox alone.

/**
 * What runs as process 1.
 *
 * Kernel command line: `console=` names the console as usual. `bailiwick.control=hvcN` names a second virtio console that is the control channel:
 * lines from the guest to its VMM, `ready` when user space is up and `exit STATUS` when the command or shell ended. It is a device of its own so
 * that nothing printed on the console can pass for a status; without the parameter (on another machine) nothing is said. Which N: the VMM
 * knows, as the kernel numbers virtio consoles in the device tree's order, after the firmware's own console if it uses one.
 * `bailiwick.hostname=NAME`.
 *
 * With /bailiwick/exec present, that script runs without input, its output reaches the console byte for byte (no carriage returns are added), nothing else is printed,
 * and the machine powers off. `shutdown` on the control channel, which is asked for by the line `hears`, ends both: all processes are told (SIGTERM), killed a second later, file systems unmounted. Else a shell with job control runs on the console; its end powers off too.
 */
export const INIT = `#!/bin/busybox sh
export PATH=/bin:/sbin HOME=/root
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
load() { while read -r module; do /sbin/insmod "/lib/modules/$module".ko* 2>/dev/null; done <"/bailiwick/$1"; }
load modules
# What only some machines have: a balloon, a display with keyboard and tablet. One input device is the power button: init is asked by the control channel instead, and so needs no drivers for it.
loaded= button=
for device in /sys/bus/virtio/devices/*/device; do
  [ -f "$device" ] && read -r id <"$device" || continue
  [ "$id$button" = 0x0012 ] && button=1 && continue
  case $loaded in *"$id"*) continue ;; esac
  loaded="$loaded $id"
  [ -f "/bailiwick/modules.$id" ] && load "modules.$id"
done

control= name=guest
for word in $(/bin/busybox cat /proc/cmdline); do
  case $word in
    bailiwick.control=*) control=/dev/\${word#*=} ;;
    bailiwick.hostname=*) name=\${word#*=} ;;
  esac
done
echo "$name" >/proc/sys/kernel/hostname
# Many guests wait side by side: nobody needs memory compacted ahead of time twice a second, nor its statistics brought up to date each second.
echo 0 >/proc/sys/vm/compaction_proactiveness
echo 60 >/proc/sys/vm/stat_interval

# The last console listed is the one that /dev/console stands for; it may have come with a module just loaded.
tty=console
for word in $(/bin/busybox cat /sys/class/tty/console/active); do tty=$word; done
exec </dev/null >"/dev/$tty" 2>&1

# Kept open: the driver forgets raw mode at the last close.
if [ -c "$control" ]; then
  exec 3<>"$control"
  /bin/busybox stty raw -echo <&3
else
  exec 3>/dev/null
fi

# What it is asked by its VMM: to look at its clock, since its time stood, and to shut down. One process waits for that, and nothing wakes it before. Process 1 hears nothing meanwhile: it finishes when all others have been ended.
hear() {
  echo hears >&3
  while read -r asked <&3; do
    case $asked in
      clock) read -r now </sys/class/rtc/rtc0/since_epoch && /bin/busybox date -s "@$now" ;;
      shutdown)
        : >/run/shutdown
        kill -TERM -1
        /bin/busybox sleep 1
        kill -KILL -1
        return
        ;;
    esac
  done
}
hear >/dev/null 2>&1 &
hearing=$!

finish() {
  # Not even the kernel's farewell is mixed into the output.
  echo 0 >/proc/sys/kernel/printk
  # Any change of mode waits until all output has left.
  /bin/busybox stty -F "/dev/$tty" -opost
  if [ -f /run/shutdown ]; then
    # What was cut short has no status.
    wait "$hearing"
    /bin/busybox sync
    /bin/busybox umount -a -r 2>/dev/null
  else
    echo "exit $1" >&3
    /bin/busybox sync
  fi
  /bin/busybox poweroff -f
}

if [ -f /bailiwick/exec ]; then
  /bin/busybox --install -s /bin 2>/dev/null
  # Of the kernel's own messages only the last ones of a dying kernel may stand in the output.
  echo 1 >/proc/sys/kernel/printk
  /bin/busybox stty -F "/dev/$tty" -opost -echo
  echo ready >&3
  cd /root
  /bin/busybox sh /bailiwick/exec 3>&-
  finish $?
fi

/bin/busybox --install -s /bin 2>/dev/null
echo ready >&3
cd /root
# In the foreground: a shell without job control, as this one is, has its background commands ignore Ctrl-C for ever.
# A session leader's first terminal becomes its controlling one: that gives job control and Ctrl-C.
/bin/busybox setsid /bin/busybox sh -c "exec /bin/busybox sh -l <>/dev/$tty >&0 2>&1 3>&-"
finish $?
`;

export const PROFILE = `export PATH=/bin:/sbin HOME=/root
PS1='\\h:\\w\\$ '
# Process 1 waits for this shell and hears no signal meanwhile: what BusyBox's own would ask of it is done here. Any change of mode waits until all
# output has left.
leave() { /bin/busybox stty -opost; /bin/busybox sync; /bin/busybox "$1" -f; }
halt() { leave halt; }
poweroff() { leave poweroff; }
reboot() { leave reboot; }
`;

/** What udhcpc runs when the network has given it an address, or taken it back: `ifconfig eth0 up; udhcpc -i eth0`. */
export const DHCP = `#!/bin/busybox sh
case $1 in
  deconfig) ip addr flush dev "$interface"; ip link set "$interface" up ;;
  bound | renew)
    ip addr flush dev "$interface"
    ip addr add "$ip/\${mask:-24}" dev "$interface"
    for gateway in $router; do ip route add default via "$gateway" dev "$interface"; break; done
    for server in $dns; do echo "nameserver $server"; done >/etc/resolv.conf
    ;;
esac
`;

/** Prints a line `bench NAME MILLISECONDS` for each part, or `bench NAME failed` where BusyBox lacks the applet. The same on every machine that boots this initramfs. */
export const BENCH = `#!/bin/busybox sh
# /proc/timer_list says the clock in nanoseconds, where the kernel has it; /proc/uptime ticks each 10 ms.
if [ -r /proc/timer_list ]; then
  now() { { read -r skip; read -r skip; read -r skip skip t skip; } </proc/timer_list; echo "\${t%??????}"; }
else
  now() { read -r up rest </proc/uptime; echo "\${up%.*}\${up#*.}0"; }
fi
measure() {
  label=$1; shift
  from=$(now)
  if "$@" >/dev/null 2>&1; then echo "bench $label $(($(now) - from))"; else echo "bench $label failed"; fi
}
reads() { dd if=/dev/zero of=/dev/null bs=1 count=20000; }
loop() { i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done; }
forks() { i=0; while [ $i -lt 200 ]; do /bin/busybox true; i=$((i + 1)); done; }
sums() { md5sum /tmp/bench.data; }
pack() { gzip -c /tmp/bench.text; }
seq 1 150000 >/tmp/bench.text
cat /tmp/bench.text /tmp/bench.text /tmp/bench.text /tmp/bench.text /tmp/bench.text /tmp/bench.text /tmp/bench.text /tmp/bench.text >/tmp/bench.data
measure reads reads
measure loop loop
measure forks forks
measure md5sum sums
measure gzip pack
rm -f /tmp/bench.text /tmp/bench.data
`;
