#!/bin/sh
# After the files have gone. /var/lib/meshhook stays, even when the package is purged:
# the database and the key that opens it are there. So does the user, whose it is.
set -e

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
