#!/bin/sh
# Makes Temporal's two databases and brings their schemas up to date. Run again, it only does what is missing.
# Takes POSTGRES_SEEDS, DB_PORT, POSTGRES_USER and SQL_PASSWORD (read by the tool itself).
set -eu

versions=/etc/temporal/schema/postgresql/v12

sql() {
    database=$1
    shift
    temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" -p "$DB_PORT" -u "$POSTGRES_USER" --db "$database" "$@"
}

bring_up_to_date() {
    database=$1
    folder=$2
    # Updating first: `setup-schema -v 0.0` on a database in use would set its version back, and break the next update.
    if sql "$database" update-schema -d "$folder"; then
        return
    fi
    echo "no schema in $database yet: it is made"
    sql "$database" create
    sql "$database" setup-schema -v 0.0
    sql "$database" update-schema -d "$folder"
}

bring_up_to_date temporal "$versions/temporal/versioned"
bring_up_to_date temporal_visibility "$versions/visibility/versioned"
echo "Temporal's schemas are up to date"
