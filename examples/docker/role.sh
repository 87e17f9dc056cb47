#!/bin/sh
# Runs once, when the database is made: MeshHook's role owns the database and is no
# superuser, since row-level security does not bind those. Its password is the last
# field of pgpass.
set -eu
password=$(cut -d: -f5- /run/secrets/pgpass)
psql --set=ON_ERROR_STOP=1 --set=password="$password" --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<-'SQL'
	CREATE ROLE meshhook LOGIN PASSWORD :'password';
	ALTER DATABASE meshhook OWNER TO meshhook;
	ALTER SCHEMA public OWNER TO meshhook;
SQL
