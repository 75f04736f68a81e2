#!/usr/bin/env bash
# make_box.sh - makes a Vagrant box (libvirt, Debian 12) from Debian's own packages, for machines
# that reach no box catalogue: make_box.sh FOLDER. The image has no boot loader; the box's own
# Vagrantfile names kernel and initrd, and lets the guest's agent tell the address, because a guest
# without KVM is slower than the provider's patience with DHCP leases.
set -euo pipefail

out=$(realpath -m "${1:?usage: make_box.sh FOLDER}")
packages=linux-image-amd64,systemd-sysv,udev,kmod,openssh-server,sudo,ifupdown,isc-dhcp-client
packages+=,rsync,qemu-guest-agent,iproute2,procps,ca-certificates,python3
# The public key that every new Vagrant box has; Vagrant replaces it at the first start.
key=$(find /usr/share -name vagrant.pub -path '*keys*' -print -quit)
mkdir -p "$out/root"

mmdebstrap --quiet --variant=minbase --include="$packages" \
    --customize-hook="chroot \$1 useradd -m -s /bin/bash vagrant" \
    --customize-hook="echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >\$1/etc/sudoers.d/vagrant" \
    --customize-hook="install -D -m 600 $key \$1/home/vagrant/.ssh/authorized_keys" \
    --customize-hook="chroot \$1 sh -c 'chown -R vagrant: ~vagrant'" \
    --customize-hook="echo UseDNS no >>\$1/etc/ssh/sshd_config" \
    --customize-hook="cp \$1/boot/vmlinuz-* $out/vmlinuz; cp \$1/boot/initrd.img-* $out/initrd" \
    bookworm "$out/root.tar"
tar -C "$out/root" -xf "$out/root.tar"
printf 'auto lo eth0\niface lo inet loopback\niface eth0 inet dhcp\n' \
    >"$out/root/etc/network/interfaces"
mke2fs -q -t ext4 -d "$out/root" "$out/root.img" 3G
qemu-img convert -O qcow2 "$out/root.img" "$out/box.img"
rm -rf "$out/root" "$out/root.tar" "$out/root.img"

echo '{"provider":"libvirt","format":"qcow2","virtual_size":3}' >"$out/metadata.json"
cat >"$out/Vagrantfile" <<RUBY
Vagrant.configure("2") do |config|
  config.vm.provider :libvirt do |libvirt|
    libvirt.kernel = "$out/vmlinuz"
    libvirt.initrd = "$out/initrd"
    libvirt.cmd_line = "root=/dev/vda rw console=ttyS0 net.ifnames=0 intel_iommu=on iommu=pt"
    libvirt.qemu_use_agent = true
  end
end
RUBY
tar -C "$out" -czf "$out/pinnacle.box" metadata.json Vagrantfile box.img
rm "$out/box.img"
