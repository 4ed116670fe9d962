// What runs first where the root file system is on a disk: the modules, the root, and then the disk's own init. It uses BusyBox alone.

/**
 * Process 1 until it makes room for the disk's own.
 *
 * Kernel command line: `root=/dev/NAME` (by default /dev/vda), an ext4 file system; it is mounted for reading, as fsck wants it, and the disk's init mounts it anew.
 * `bailiwick.time=SECONDS` since 1970 sets the clock: archives of packages that are newer than the clock are not believed.
 * A command in /bailiwick/exec goes to /run/bailiwick/exec, for the disk's own bailiwick-exec.service. Where there is no such disk, or no init on it, the VMM is told so
 * by the control channel (`bailiwick.control`, see guests/linux), and the machine powers off.
 */
export const ROOT_INIT = `#!/bin/busybox sh
export PATH=/bin:/sbin
/bin/busybox --install -s /bin 2>/dev/null
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
# The disk has no modules: those of the power button, for its logind, are loaded here, too.
for list in modules modules.0x0012; do
  [ -f "/bailiwick/$list" ] && while read -r module; do /sbin/insmod "/lib/modules/$module".ko* 2>/dev/null; done <"/bailiwick/$list"
done

control= root=/dev/vda time=
for word in $(cat /proc/cmdline); do
  case $word in
    bailiwick.control=*) control=/dev/\${word#*=} ;;
    bailiwick.time=*) time=\${word#*=} ;;
    root=*) root=\${word#*=} ;;
  esac
done

# A machine without a clock begins in 1970.
[ -z "$time" ] || date -s "@$time" >/dev/null

fail() {
  echo "bailiwick: $1" >/dev/kmsg
  for tty in $(cat /sys/class/tty/console/active); do :; done
  echo "bailiwick: $1" >"/dev/$tty"
  if [ -c "$control" ]; then
    exec 3<>"$control"
    stty raw -echo <&3
    echo "exit 1" >&3
  fi
  # Any change of mode waits until all output has left.
  stty -F "/dev/$tty" -opost
  poweroff -f
}

mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /run
mkdir /run/bailiwick
[ -f /bailiwick/exec ] && cp /bailiwick/exec /run/bailiwick/exec
# What the VMM asks on the control channel: to look at the clock, when the guest's time stood. To shut down it is asked by its power button, which is logind's.
if [ -c "$control" ]; then
  wants=/run/systemd/system/multi-user.target.wants
  mkdir -p "$wants"
  cat >/run/bailiwick/hear <<HEAR
exec 3<>$control
stty raw -echo <&3
echo "hears clock" >&3
while read -r asked <&3; do
  [ "\\$asked" = clock ] && read -r now </sys/class/rtc/rtc0/since_epoch && date -s "@\\$now"
done
HEAR
  printf '[Unit]\nDescription=What the host asks\n[Service]\nExecStart=/bin/sh /run/bailiwick/hear\n' >"\${wants%/*}/bailiwick-hear.service"
  ln -s ../bailiwick-hear.service "$wants/"
fi

tries=0
while [ ! -b "$root" ]; do
  [ $tries -lt 50 ] || fail "there is no disk $root to boot from: give the guest one, or name another by root="
  tries=$((tries + 1))
  sleep 0.1
done
mount -t ext4 -o ro "$root" /root || fail "the disk $root holds no ext4 file system that can be mounted"
[ -x /root/sbin/init ] || fail "the disk $root has no /sbin/init"
for name in dev proc sys run; do mount --move "/$name" "/root/$name"; done
exec switch_root /root /sbin/init
`;
