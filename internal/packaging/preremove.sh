#!/bin/sh
# Before the files go: `remove` of dpkg, 0 of rpm. Anything else is an upgrade, in
# which the service goes on until the new version is there.
set -e

case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac
if command -v systemctl > /dev/null; then
	if [ -d /run/systemd/system ]; then
		systemctl stop meshhook.socket meshhook-admin.socket meshhook.service
	fi
	systemctl disable meshhook.socket meshhook-admin.socket meshhook.service
fi
