# Settings that are made by the system's own programs, once all packages are installed (servers/operator/setup/debian/install.sh).
chmod 755 /usr/lib/bailiwick/*
# Where packages come from: what Debian's apt proposes.
sed '/^##/d; s/^Components: .*/Components: main/' /usr/share/doc/apt/examples/debian.sources >/etc/apt/sources.list.d/debian.sources
systemctl enable systemd-networkd.service systemd-resolved.service bailiwick-exec.service bailiwick-mirror.service
# Nothing waits for a network that may not be there, and nothing begins to fetch by itself.
systemctl disable systemd-networkd-wait-online.service
systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service
# The kernel comes from outside, and its modules with it: here are none to be loaded.
systemctl mask modprobe@.service systemd-modules-load.service
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
# A journal in memory.
rm -rf /var/log/journal
# Where the machine has no clock, it is no earlier than this.
touch -d "@$SOURCE_DATE_EPOCH" /usr/lib/clock-epoch
# All that is derived from /usr is as new as that: nothing is made anew at the first boot.
touch /etc/.updated /var/.updated
