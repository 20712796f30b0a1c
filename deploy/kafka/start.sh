#!/bin/sh
# Makes the broker's volume ready once, with the account of the desk's processes in it, then runs the broker in the place of this script.
set -eu
settings=/etc/caselog/server.properties
if [ ! -e /var/lib/kafka/data/meta.properties ]; then
  /opt/kafka/bin/kafka-storage.sh format --config "$settings" \
    --cluster-id "$(/opt/kafka/bin/kafka-storage.sh random-uuid)" \
    --add-scram "SCRAM-SHA-512=[name=caselog,password=$(cat /run/secrets/kafka_password)]"
fi
exec /opt/kafka/bin/kafka-server-start.sh "$settings"
