#!/bin/sh
# Makes the namespace and the search attributes of Baton on a Temporal server. Run again, it does nothing.
# Takes TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE (read by the CLI itself), RETENTION, and SEARCH_ATTRIBUTES: Name=Type …
set -eu

attempts=60

# Runs a command until it succeeds: a server that has just started needs a moment for each new thing.
patiently() {
    attempt=1
    until "$@"; do
        if [ "$attempt" -ge "$attempts" ]; then
            echo "given up after $attempts attempts: $*" >&2
            exit 1
        fi
        attempt=$((attempt + 1))
        sleep 2
    done
}

patiently temporal operator cluster health

if ! temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
fi
patiently temporal operator search-attribute list >/dev/null

existing=$(temporal operator search-attribute list)
for pair in $SEARCH_ATTRIBUTES; do
    name=${pair%%=*}
    kind=${pair#*=}
    if echo "$existing" | grep -Eq "(^|[[:space:]])$name[[:space:]]"; then
        continue
    fi
    temporal operator search-attribute create --name "$name" --type "$kind"
done
echo "namespace $TEMPORAL_NAMESPACE is ready"
