#!/build/busybox sh
# Process 1 of the guest that makes the image: the packages' maintainer scripts run here, on a machine of their own kind, without a network, and mke2fs puts the result on the disk.
#
# What is there: nothing but /build, with the packages (debs: all; base: a list of those that come first; rest: of the others, a call of dpkg a line), BusyBox, modules, what is put over the
# result (root), and values for the file system. Lines "step TEXT" on the console are for people; status 0 says that the disk holds a whole file system.
b=/build/busybox
. /build/values
if [ ! -e /bin/sh ]; then
  $b date -s "@$epoch" >/dev/null
  # Essential packages cannot be installed without each other: they are all there, though not installed, before the first is. Then their own shell goes on here.
  for package in $($b cat /build/base); do $b ar p "/build/debs/$package" data.tar | $b tar -x -p -C / -f -; done
  # Of what dpkg is not to install (root/etc/dpkg), nothing may stay.
  for name in doc man info locale lintian bug; do $b rm -rf "/usr/share/$name"; done
  exec /bin/sh /init
fi
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TZ=UTC
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true PERL_HASH_SEED=0
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
# What is in these is not the image's.
$b mount -t tmpfs tmpfs /run
$b mount -t tmpfs tmpfs /tmp
$b cp $b /run/busybox
b=/run/busybox
for module in /build/modules/*; do $b insmod "$module"; done
export SOURCE_DATE_EPOCH=$epoch
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
  "$@" >/run/log 2>&1 && return
  status=$?
  echo "failed: $what (status $status)"
  $b tail -n 30 /run/log
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
dpkg --audit >/run/log
if [ -s /run/log ]; then
  $b cat /run/log
  finish 1
fi

echo step settings
cp -r /build/root/. /
must "the settings" sh -e /build/settle

echo step the file system
cd /
rm -f /usr/sbin/policy-rc.d
# What two machines, or two days, would not have alike; and what only repeats something else.
rm -rf /var/lib/dpkg/*-old /var/cache/debconf/*-old /var/cache/ldconfig /var/cache/apt/* /var/lib/apt/lists/* /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
rm -rf /var/lib/systemd/random-seed /var/lib/systemd/catalog/database /root/.bash_history /var/tmp/*
find /var/log -type f -delete
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id

# How long the disk takes is the host's affair, and changes what the time is here: it comes when all else is done.
$b cp /build/disk.ko /run/disk.ko
rm -rf /build /init
must "the disk's driver" $b insmod /run/disk.ko
# The system as it is below all that is mounted over it.
mkdir /run/tree
must "the tree" $b mount --bind / /run/tree
cd /run/tree || finish 1
rm -rf dev/*
chmod 555 proc sys
chmod 755 dev run
chmod 1777 tmp
touch -d "@$epoch" proc sys dev run tmp
cd /
# The disk is all zero: neither here nor at the first boot need inode tables and journal be written. Features that e2fsprogs has had for a year or two only are left out, for hosts that look into the image.
must "the file system" mke2fs -q -t ext4 -b 4096 -L "$label" -U "$uuid" -J size=32 -O ^orphan_file,^metadata_csum_seed \
  -E "hash_seed=$hash_seed,nodiscard,lazy_itable_init=0,assume_storage_prezeroed=1" -d /run/tree /dev/vda
echo step a check of the file system
must "the check of the file system" e2fsck -fn /dev/vda
finish 0
