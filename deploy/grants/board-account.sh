#!/bin/sh
# Gives the board its account in the database of docker-compose.yml: with the rights of board.sql, after the tables
# are there. Run again, it does the same; a changed secret becomes the password. Elsewhere an administrator does it.
set -eu
umask 077
say() { echo "board account: $*" >&2; }

client=$(command -v mariadb || command -v mysql)
settings=$(mktemp)
trap 'rm -f "$settings"' EXIT
printf '[client]\nhost=%s\nport=%s\nuser=root\npassword="%s"\n' \
  "$DATABASE_HOST" "${DATABASE_PORT:-3306}" "$(cat "$ROOT_PASSWORD_FILE")" > "$settings"
sql() { "$client" --defaults-extra-file="$settings" --batch --skip-column-names; }

tables=$(echo "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '$STATE' AND table_name = 'pushfleet_command'" | sql)
if [ "$tables" = 0 ]; then
  say "there are no pushfleet_* tables in $STATE yet, so there is nothing to grant"
  exit 0
fi
password=$(cat "$BOARD_PASSWORD_FILE")
case $password in
  '' | *[!0-9A-Za-z_.-]*)
    say 'its password may hold letters, digits, "_", "." and "-" only: openssl rand -hex 24'
    exit 1
    ;;
esac
sed -e "s/\${BACKEND}/$BACKEND/g" -e "s/\${STATE}/$STATE/g" -e 's/${HOST}/%/g' -e "s/\${PASSWORD}/$password/g" \
  "$(dirname "$0")/board.sql" | sql
echo "ALTER USER 'pushfleet_board'@'%' IDENTIFIED BY '$password'" | sql
say 'pushfleet_board may read, and ask for commands'
