#!/bin/sh
# Before the files come, of a deb and of an rpm: the user must be there, for some of
# them belong to its group.
set -e

if getent passwd meshhook > /dev/null && getent group meshhook > /dev/null; then
	exit 0
fi
if command -v systemd-sysusers > /dev/null; then
	# As if sysusers.d/meshhook.conf, which is about to come, were there already.
	printf 'u meshhook - "MeshHook" /var/lib/meshhook\n' |
		systemd-sysusers --replace=/usr/lib/sysusers.d/meshhook.conf -
else
	getent group meshhook > /dev/null || groupadd --system meshhook
	useradd --system --gid meshhook --home-dir /var/lib/meshhook --no-create-home \
		--shell /usr/sbin/nologin --comment MeshHook meshhook
fi
