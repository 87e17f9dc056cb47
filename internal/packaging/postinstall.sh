#!/bin/sh
# After the files have come. dpkg says `configure OLD-VERSION`, rpm the number of
# versions that are installed.
set -e

# A first installation starts nothing: what takes requests from the world is started
# by somebody who has looked at its settings.
upgrade=
case "$1" in
configure) [ -z "$2" ] || upgrade=yes ;;
[0-9]*) [ "$1" -lt 2 ] || upgrade=yes ;;
esac

# Where systemd-tmpfiles is missing, or has no /proc to work with, by hand.
if ! systemd-tmpfiles --create meshhook.conf 2> /dev/null; then
	install -d -m 0750 -o meshhook -g meshhook /var/lib/meshhook
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	if [ -n "$upgrade" ]; then
		systemctl try-restart meshhook.service
	fi
fi
