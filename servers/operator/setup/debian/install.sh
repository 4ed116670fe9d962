#!/bin/sh
# Process 1 of the guest that installs the packages: their maintainer scripts run here, on a machine of their own kind, with neither disk nor network.
#
# What is there: the packages that are essential, unpacked but not installed; /build with the packages (debs: all; base: a list of those that come first; rest: of the others, a call of dpkg a line), BusyBox, what is
# put over the result (root), and the hashes of all files of packages (known). What comes out, on the console behind a line "payload BYTES": a tar archive, compressed, with
# `listing` (every file's kind, mode, owner, time, name), `hashes`, and the files that are in no package as they are now. Lines "step TEXT" before it are for people.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TZ=UTC
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true PERL_HASH_SEED=0
b=/build/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
for module in /build/modules/*; do $b insmod "$module"; done
read -r SOURCE_DATE_EPOCH </build/epoch
export SOURCE_DATE_EPOCH
$b date -s "@$SOURCE_DATE_EPOCH" >/dev/null
exec </dev/null >/dev/hvc0 2>&1
exec 3<>/dev/hvc1
$b stty raw -echo <&3
$b stty -F /dev/hvc0 raw -echo
echo 1 >/proc/sys/kernel/printk

finish() {
  $b sync
  $b stty -F /dev/hvc0 -opost
  echo "exit $1" >&3
  $b poweroff -f
}
# must WHAT COMMAND…: what it says is told only when it fails
must() {
  what=$1
  shift
  "$@" >/build/log 2>&1 && return
  status=$?
  echo "failed: $what (status $status)"
  $b tail -n 30 /build/log
  # Whether the kernel has killed something.
  $b dmesg | $b grep -A 20 -E 'unhandled signal|Out of memory'
  finish 1
}

# Services are started by the system itself, when it boots.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
$b chmod 755 /usr/sbin/policy-rc.d
mkdir -p /etc/dpkg/dpkg.cfg.d
cp /build/root/etc/dpkg/dpkg.cfg.d/* /etc/dpkg/dpkg.cfg.d/
: >/var/lib/dpkg/status
mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates /var/lib/dpkg/triggers

cd /build/debs || finish 1
# Accounts first: all others' files have owners.
echo step accounts and base files
must "base-passwd" dpkg --install --force-depends base-passwd_*.deb
must "base-files" dpkg --install --force-depends base-files_*.deb
echo step essential packages
must "the essential packages" dpkg --install --force-depends $($b cat /build/base)
echo step all other packages
while read -r files; do must "the packages" dpkg --install $files; done </build/rest
must "the packages' configuration" dpkg --configure --pending
dpkg --audit >/build/log
if [ -s /build/log ]; then
  $b cat /build/log
  finish 1
fi

echo step settings
cp -r /build/root/. /
must "the settings" sh -e /build/settle

echo step reading the result
cd /
rm -f /usr/sbin/policy-rc.d
# What two machines, or two days, would not have alike; and what only repeats something else.
rm -rf /var/lib/dpkg/*-old /var/cache/debconf/*-old /var/cache/ldconfig /var/cache/apt/* /var/lib/apt/lists/* /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
rm -rf /var/lib/systemd/random-seed /var/lib/systemd/catalog/database /tmp/* /root/.bash_history /var/tmp/*
find /var/log -type f -delete
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id
if [ -n "$(getcap -r /usr /etc /var 2>/dev/null)" ]; then
  echo "failed: files have capabilities, which the image cannot hold"
  getcap -r /usr /etc /var
  finish 1
fi
skip() { find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /build -o -path /init \) -prune -o "$@"; }
mkdir /build/out
skip -printf '%y\t%m\t%U\t%G\t%T@\t%i\t%p\t%l\0' | sort -z >/build/out/listing
skip -type f -print0 | sort -z | xargs -0 sha256sum --zero | tr '\0' '\n' >/build/out/hashes
awk 'NR == FNR { known[$1]; next } !($1 in known) { print substr($0, 67) }' /build/known /build/out/hashes >/build/changed
must "the archive" tar --create --file /build/payload.tar --no-recursion --directory /build/out listing hashes --directory / --no-unquote --files-from /build/changed
gzip -1 /build/payload.tar
echo "payload $($b stat -c %s /build/payload.tar.gz)"
$b cat /build/payload.tar.gz
finish 0
